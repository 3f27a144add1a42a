#include "proxy/upstream/departures.hpp"

#include <algorithm>

namespace switchback::upstream {

namespace {
constexpr Nanos shortest_look_ns = 16'000'000;
constexpr Nanos longest_look_ns = 1'000'000'000;
constexpr Nanos looks = 16;  // within the shortest limit

// How often to look, so that an end comes at most a sixteenth too late.
Nanos look_ns(const config::Drain& limits) {
  Nanos pause = longest_look_ns;
  for (const config::Duration limit : {limits.timeout, limits.websocket, limits.stream}) {
    if (limit.count() > 0) pause = std::min(pause, to_nanos(limit) / looks);
  }
  return std::max(pause, shortest_look_ns);
}
}  // namespace

void Departures::add(WorkerServer& server, const config::Drain& limits) {
  if (server.connections == 0) return;
  open_.push_back({&server, limits, dialer_.reactor().now_ns()});
  arm();
}

void Departures::forget_empty() {
  std::erase_if(open_, [](const Departure& d) { return d.server->connections == 0; });
}

void Departures::arm() {
  if (open_.empty()) return;
  Nanos pause = longest_look_ns;
  for (const Departure& d : open_) pause = std::min(pause, look_ns(d.limits));
  const Nanos at = dialer_.reactor().now_ns() + pause;
  if (!armed() || deadline_ns() > at) dialer_.reactor().timers().arm(*this, at);
}

void Departures::on_timer() {
  for (Departure& departure : open_) look_at(departure);
  forget_empty();
  arm();
}

exchange::ServerLeft Departures::due(const Departure& departure, Nanos elapsed_ns) const {
  exchange::ServerLeft left;
  const config::Drain& limits = departure.limits;
  const auto over = [&](config::Duration limit) {
    return limit.count() > 0 && elapsed_ns >= to_nanos(limit);
  };
  left.end_requests = over(limits.timeout);
  left.end_streams = over(limits.stream);
  if (!over(limits.websocket)) return left;
  const Nanos rest = 2 * to_nanos(limits.websocket) - elapsed_ns;
  const Nanos turns = rest > 0 ? rest / look_ns(limits) + 1 : 1;
  left.end_tunnels = static_cast<unsigned>((departure.tunnels + turns - 1) / turns);
  return left;
}

// By index: an end may let another request begin, and that may dial.
void Departures::look_at(Departure& departure) {
  exchange::ServerLeft left = due(departure, dialer_.reactor().now_ns() - departure.begun_ns);
  const unsigned ending = left.end_tunnels;
  for (std::size_t i = 0; i < dialer_.connections(); ++i) {
    exchange::UpstreamUser* user = dialer_.connection(i).user_at(*departure.server);
    if (user) user->on_server_left(left);
  }
  departure.tunnels = left.tunnels + ending - left.end_tunnels;
}

}  // namespace switchback::upstream
