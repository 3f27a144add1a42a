#include "admin/state/state_lane.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace switchback::state {

StateLane::StateLane() : thread_([this] { run(); }) {}

StateLane::~StateLane() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StateLane::write(SlotFile& file, const SlotValue& value, OnWritten done) {
  {
    std::lock_guard lock(mutex_);
    auto job = std::find_if(jobs_.begin(), jobs_.end(),
                            [&](const Job& queued) { return queued.file == &file; });
    if (job == jobs_.end()) job = jobs_.insert(jobs_.end(), Job{&file, value, {}});
    if (value.epoch >= job->value.epoch) job->value = value;
    if (done) job->done.push_back(std::move(done));
  }
  wake_.notify_one();
}

void StateLane::run() {
  // A switch waits for this thread while the workers have the cores. Where that is not allowed,
  // it waits its turn.
  [[maybe_unused]] const int nice = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -10);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    // A retry of an old value must not undo a newer one that is already down.
    const auto& newest = job.file->newest();
    const bool superseded =
        job.value.epoch == mend_only || (newest && newest->epoch > job.value.epoch);
    const std::string error = superseded ? job.file->mend() : job.file->write(job.value);
    for (const auto& done : job.done) done(error);
    lock.lock();
  }
}

}  // namespace switchback::state
