#include "proxy/upstream/server_state.hpp"

#include <cstring>

#include "proxy/upstream/resolver.hpp"

namespace switchback::upstream {
namespace {

bool same(const ResolvedAddress& a, const ResolvedAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

}  // namespace

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

ServerState::ServerState(config::Address a) : address(std::move(a)) {
  ResolvedAddress literal;
  if (resolve_literal(address, literal)) set_resolved(std::move(literal));
}

std::string ServerState::last_reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}

void ServerState::set_last_reason(std::string reason) {
  std::lock_guard lock(mutex_);
  reason_ = std::move(reason);
}

// An address met before is pointed at again, so that a name which rotates over a few addresses
// does not make the history grow.
void ServerState::set_resolved(ResolvedAddress next) {
  const auto* current = resolved_.load(std::memory_order_relaxed);
  if (current && same(*current, next)) return;
  std::lock_guard lock(mutex_);
  for (const auto& known : history_) {
    if (same(*known, next)) {
      resolved_.store(known.get(), std::memory_order_release);
      return;
    }
  }
  history_.push_back(std::make_unique<ResolvedAddress>(std::move(next)));
  resolved_.store(history_.back().get(), std::memory_order_release);
}

std::string resolve(const config::Address& address, ResolvedAddress& out) {
  if (resolve_literal(address, out)) return {};
  auto answer = resolve_name(address);
  if (answer.addresses.empty()) return answer.error;
  out = std::move(answer.addresses.front());
  return {};
}

}  // namespace switchback::upstream
