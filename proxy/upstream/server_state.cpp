#include "proxy/upstream/server_state.hpp"

namespace switchback::upstream {

std::string_view to_string(Health h) {
  switch (h) {
    case Health::unknown:
      return "unknown";
    case Health::healthy:
      return "healthy";
    case Health::failing:
      return "failing";
    case Health::unreachable:
      return "unreachable";
  }
  return "unknown";
}

ServerState::ServerState(config::Address a)
    : address(std::move(a)), identity(address.text), candidates(known_addresses(address)) {
  if (!candidates.empty()) use(0);
}

ServerState::ServerState(config::Address a, const dns::Ip& one)
    : address(std::move(a)),
      identity(address.text + " (" + one.text() + ")"),
      candidates({to_address(one, address.port)}) {
  use(0);
}

void ServerState::use(std::size_t candidate) {
  resolved_.store(&candidates[candidate], std::memory_order_relaxed);
}

std::string ServerState::last_reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}

void ServerState::set_last_reason(std::string reason) {
  std::lock_guard lock(mutex_);
  reason_ = std::move(reason);
}

}  // namespace switchback::upstream
