// The ledger's schema, as steps. Each step is run once, in a transaction, in order.
//
// Steps only add (tables, columns with defaults, indexes): an older binary must go on writing into
// a file that a newer one has touched, since going back is what this program is for.
#pragma once

#include <span>

namespace switchback::ledger {

struct Migration {
  int version;
  const char* sql;
};

std::span<const Migration> migrations();

}  // namespace switchback::ledger
