#include "admin/events/stream.hpp"

#include "proxy/base/clock.hpp"

namespace switchback::events {

Event::Event(std::uint64_t id, Body body, std::int64_t wall_us)
    : id_(id), shared_(std::make_shared<Shared>(Shared{std::move(body), wall_us, ""})) {}

void Stream::emit(Body body) {
  const Event event(next_id_++, std::move(body), wall_us());
  ring_.push_back(event);
  if (ring_.size() > kept_) ring_.pop_front();
  std::vector<std::uint64_t> handles;
  for (const auto& [handle, listener] : listeners_) handles.push_back(handle);
  for (const auto handle : handles) {
    const auto found = listeners_.find(handle);
    if (found == listeners_.end()) continue;
    const auto listener = found->second;
    (*listener)(event);
  }
}

std::uint64_t Stream::subscribe(std::uint64_t last_id, OnEvent on_event) {
  const auto handle = next_handle_++;
  const auto listener = std::make_shared<OnEvent>(std::move(on_event));
  const std::deque<Event> missed = ring_;
  listeners_[handle] = listener;
  for (const auto& event : missed)
    if (event.id() > last_id) (*listener)(event);
  return handle;
}

}  // namespace switchback::events
