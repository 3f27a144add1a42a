// The last events and who listens. Bounded: the oldest goes when the ring is full.
//
// Ids grow by one and begin at the wall clock in microseconds, so that they go on growing over a
// restart (fewer than a million events a second) and a client can resume across one; they stay
// below 2^53, which is what JavaScript can count to.
// Threads: the control thread. A listener may subscribe and unsubscribe from within its call.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "admin/events/event.hpp"

namespace switchback::events {

using OnEvent = std::function<void(const Event&)>;

class Stream {
 public:
  // Events after `last_id` that are still kept (before subscribe returns), then live ones. 0: all
  // that are kept; live_only: none of them.
  static constexpr std::uint64_t live_only = ~std::uint64_t{0};

  Stream(std::size_t kept, std::uint64_t first_id) : kept_(kept), next_id_(first_id) {}

  void emit(Body body);
  // Returns a handle for unsubscribe.
  std::uint64_t subscribe(std::uint64_t last_id, OnEvent on_event);
  void unsubscribe(std::uint64_t handle) { listeners_.erase(handle); }
  std::size_t listeners() const { return listeners_.size(); }

 private:
  const std::size_t kept_;
  std::uint64_t next_id_;
  std::uint64_t next_handle_ = 1;
  std::deque<Event> ring_;
  std::map<std::uint64_t, std::shared_ptr<OnEvent>> listeners_;
};

}  // namespace switchback::events
