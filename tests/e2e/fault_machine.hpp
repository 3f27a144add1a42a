// A machine that goes wrong on order, under a program that does not know: its disk is full, its
// syncs stall, its clock jumps. One for each Instance; see fault_shim.cpp.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/fault_control.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::test {

class FaultMachine {
 public:
  FaultMachine();
  ~FaultMachine();
  FaultMachine(const FaultMachine&) = delete;

  // False where a library cannot be loaded into the program: under a sanitizer that has to come
  // first. Anywhere else that is a failure of the test.
  static bool works();
  // For the program: every file that it opens below `folder` is on the faulty disk.
  std::vector<std::string> environment(const std::string& folder) const;

  FaultControl& control() { return *control_; }
  void fill_disk(bool full) { control_->disk_full = full ? 1 : 0; }
  void stall_syncs();
  void release_syncs();
  void move_clock(std::int64_t seconds) { control_->clock_offset_s = seconds; }

 private:
  TempDir folder_;
  FaultControl* control_ = nullptr;
};

}  // namespace switchback::test
