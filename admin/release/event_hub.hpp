// The last events and who listens. Bounded: the oldest goes when the ring is full.
//
// Ids grow by one and begin at the wall clock in microseconds, so that they go on growing over a
// restart (fewer than a million events a second) and a client can resume across one; they stay
// below 2^53, which is what JavaScript can count to.
// Threads: the control thread. A listener may subscribe and unsubscribe from within its call.
#pragma once

#include <boost/json/object.hpp>
#include <deque>
#include <map>
#include <memory>

#include "admin/release/controller.hpp"

namespace switchback::release {

class EventHub {
 public:
  EventHub(std::size_t kept, std::uint64_t first_id) : kept_(kept), next_id_(first_id) {}

  void emit(const std::string& type, const boost::json::object& body);
  std::uint64_t subscribe(std::uint64_t last_id, OnEvent on_event);
  void unsubscribe(std::uint64_t handle) { listeners_.erase(handle); }

 private:
  const std::size_t kept_;
  std::uint64_t next_id_;
  std::uint64_t next_handle_ = 1;
  std::deque<Event> ring_;
  std::map<std::uint64_t, std::shared_ptr<OnEvent>> listeners_;
};

// Alarms that stand. Raising one twice changes its text; only the first is an event.
class AlarmBoard {
 public:
  explicit AlarmBoard(EventHub& events) : events_(events) {}
  void raise(const std::string& code, const std::string& text);
  void clear(const std::string& code);
  std::vector<Alarm> all() const;

 private:
  EventHub& events_;
  std::map<std::string, Alarm> standing_;
};

}  // namespace switchback::release
