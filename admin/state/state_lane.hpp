// The thread that waits for the disk, so that nobody else does.
//
// Holds at most one write per service beside the one it is doing: a newer value replaces one that
// has not begun, and both callers are told when the newer is down.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "admin/state/slot_file.hpp"
#include "admin/state/state_store.hpp"

namespace switchback::state {

// As a value's epoch: nothing new is to be written, but the newest again if its file has gone.
inline constexpr std::uint64_t mend_only = 0;

class StateLane {
 public:
  StateLane();
  ~StateLane();  // finishes the write in progress, drops the rest
  StateLane(const StateLane&) = delete;
  // `file` outlives the lane. Any thread; `done` runs on the lane.
  void write(SlotFile& file, const SlotValue& value, OnWritten done);

 private:
  struct Job {
    SlotFile* file;
    SlotValue value;
    std::vector<OnWritten> done;
  };
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace switchback::state
