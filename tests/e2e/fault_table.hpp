// The fault table: what a rollback at full load did under each fault, printed as one table at the
// end of the run (docs/faults.md).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace switchback::test {

struct FaultRow {
  std::string fault;
  double switched_ms = 0;  // command to switched, by the program's own clock
  double answer_ms = 0;    // command to answer, as its caller saw it
  bool durable = false;    // said the answer
  std::uint64_t answered = 0, failed = 0, stale = 0;  // requests of the load
  std::set<std::string> reported;                     // alarms, and warnings of the receipt
  std::string made_good;                              // afterwards
};

// Repeated rows (SWITCHBACK_FLIPS, `./dev test --long`) are shown as one, with the worst times.
void add_to_fault_table(const FaultRow& row);

}  // namespace switchback::test
