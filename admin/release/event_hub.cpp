#include "admin/release/event_hub.hpp"

#include <boost/json/serialize.hpp>

#include "admin/release/receipt_json.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::release {

void EventHub::emit(const std::string& type, const boost::json::object& body) {
  ring_.push_back({next_id_++, type, boost::json::serialize(body)});
  if (ring_.size() > kept_) ring_.pop_front();
  const Event event = ring_.back();  // a listener's call may push the next one
  std::vector<std::uint64_t> handles;
  for (const auto& [handle, listener] : listeners_) handles.push_back(handle);
  for (const auto handle : handles) {
    const auto found = listeners_.find(handle);
    if (found == listeners_.end()) continue;
    const auto listener = found->second;
    (*listener)(event);
  }
}

std::uint64_t EventHub::subscribe(std::uint64_t last_id, OnEvent on_event) {
  const auto handle = next_handle_++;
  const auto listener = std::make_shared<OnEvent>(std::move(on_event));
  const std::deque<Event> missed = ring_;
  listeners_[handle] = listener;
  for (const auto& event : missed)
    if (event.id > last_id) (*listener)(event);
  return handle;
}

void AlarmBoard::raise(const std::string& code, const std::string& text) {
  const auto [at, fresh] = standing_.try_emplace(code);
  at->second.code = code;
  at->second.text = text;
  if (!fresh) return;
  at->second.since_wall_us = wall_us();
  events_.emit("alarm",
               {{"code", code}, {"text", text}, {"at", rfc3339(at->second.since_wall_us)}});
}

void AlarmBoard::clear(const std::string& code) {
  if (standing_.erase(code) == 0) return;
  events_.emit("alarm.cleared", {{"code", code}, {"at", rfc3339(wall_us())}});
}

std::vector<Alarm> AlarmBoard::all() const {
  std::vector<Alarm> out;
  for (const auto& [code, alarm] : standing_) out.push_back(alarm);
  return out;
}

}  // namespace switchback::release
