// A switch that was decided, as the run folder keeps it for the life after a kill: the receipt so
// far, and the idempotency key under which it was asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/release/controller.hpp"

namespace switchback::release {

struct Intent {
  Receipt receipt;
  bool answered = false;
  std::string idem_key, idem_request;
};

// At most 4 KiB: what people wrote is cut where it is too long.
std::string to_text(const Intent& intent);
// Of what StateStore::intent() gives; nullopt: none.
std::optional<Intent> intent_from_text(std::string_view marked);

}  // namespace switchback::release
