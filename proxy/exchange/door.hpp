// Where requests wait while a service is paused: in order, bounded, and let out a few at a time,
// so that a resume is not a thundering herd. Who leaves chooses its color then.
#pragma once

#include <cstddef>

#include "proxy/base/assert.hpp"

namespace switchback::exchange {

class Door;

class DoorWaiter {
 public:
  virtual void on_door_open() = 0;

 protected:
  virtual ~DoorWaiter() = default;

 private:
  friend class Door;
  DoorWaiter* previous_ = nullptr;
  DoorWaiter* next_ = nullptr;
  bool waiting_ = false;
};

class Door {
 public:
  static constexpr std::size_t batch = 32;  // let out per turn
  void set_limit(std::size_t limit) { limit_ = limit; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  bool full() const { return size_ >= limit_; }
  void wait(DoorWaiter& waiter) {
    SB_ASSERT(!waiter.waiting_);
    waiter.waiting_ = true;
    waiter.previous_ = last_;
    waiter.next_ = nullptr;
    (last_ ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    ++size_;
  }
  void leave(DoorWaiter& waiter) {
    if (!waiter.waiting_) return;
    (waiter.previous_ ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ ? waiter.next_->previous_ : last_) = waiter.previous_;
    waiter.previous_ = waiter.next_ = nullptr;
    waiter.waiting_ = false;
    --size_;
  }
  // Lets out up to `batch`; true while more wait. A waiter may come back at once (behind the rest).
  bool open_some() {
    std::size_t turns = size_ < batch ? size_ : batch;
    while (turns-- > 0 && first_) {
      DoorWaiter& waiter = *first_;
      leave(waiter);
      waiter.on_door_open();
    }
    return size_ > 0;
  }

 private:
  DoorWaiter* first_ = nullptr;
  DoorWaiter* last_ = nullptr;
  std::size_t size_ = 0;
  std::size_t limit_ = 1024;
};

}  // namespace switchback::exchange
