// What the test and the faulty library that it loads into the program (fault_shim.cpp) share: one
// page of a file that both map. The test sets what is to go wrong; the library counts how often it
// did, so that a fault which never struck fails its test.
#pragma once

#include <atomic>
#include <cstdint>

namespace switchback::test {

// The environment of the program: FAULT_CONTROL names the file, FAULT_FOLDER the folder whose files
// are hit.
struct FaultControl {
  // Set by the test.
  std::atomic<std::uint32_t> disk_full;      // 1: writes end with ENOSPC
  std::atomic<std::uint32_t> sync_stalls;    // 1: fsync and fdatasync wait until it is 0 again
  std::atomic<std::int64_t> clock_offset_s;  // added to the wall clock
  // Counted by the library.
  std::atomic<std::uint32_t> loaded;                         // 1: it is in the program
  std::atomic<std::uint32_t> stalled_now;                    // syncs that wait at this moment
  std::atomic<std::uint64_t> slots_refused, ledger_refused;  // writes that met the full disk
  std::atomic<std::uint64_t> slots_stalled, ledger_stalled;  // syncs that met the stall
  std::atomic<std::uint64_t> clock_moved;  // readings of the wall clock that were falsified
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace switchback::test
