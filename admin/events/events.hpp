// The stream and the alarms, as rooms get them: events.stream.emit(…), events.alarms.raise(…).
// Made first and ended last of the control plane's parts. Threads: the control thread.
#pragma once

#include "admin/events/alarms.hpp"
#include "admin/events/stream.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::events {

struct Events {
  explicit Events(std::size_t kept = 1024,
                  std::uint64_t first_id = static_cast<std::uint64_t>(wall_us()))
      : stream(kept, first_id), alarms(stream) {}

  Stream stream;
  Alarms alarms;
};

}  // namespace switchback::events
