#include "proxy/guard/client_guard.hpp"

#include <algorithm>
#include <utility>

#include "proxy/http/forwarded.hpp"

namespace switchback::guard {
namespace {

ClientGuard::Verdict verdict_of(ClientTable::Verdict verdict) {
  switch (verdict) {
    case ClientTable::Verdict::counted:
      return ClientGuard::Verdict::welcome;
    case ClientTable::Verdict::over_limit:
      return ClientGuard::Verdict::over_limit;
    case ClientTable::Verdict::no_room:
      break;
  }
  return ClientGuard::Verdict::uncounted;
}

}  // namespace

bool counts_addresses(const config::Clients& limits) {
  return limits.connections != 0 || limits.connections_per_second != 0 ||
         limits.requests_per_second != 0;
}

void ClientGuard::adopt(const config::Clients& limits, ClientShares& shares) {
  limits_ = limits;
  connections_ = Rate(limits.connections_per_second);
  requests_ = Rate(limits.requests_per_second);
  table_ = counts_addresses(limits) ? shares.table.get() : nullptr;
  ceiling_ = &shares.ceiling;
}

bool ClientGuard::exempt(const net::IpBytes& ip) const {
  static constexpr net::IpBytes nobody{};
  return ip == nobody ||
         http::trusted(limits_.exempt, *reinterpret_cast<const std::uint8_t(*)[16]>(ip.data()));
}

ClientGuard::Verdict ClientGuard::admit(const net::IpBytes& ip, Visit& visit, Nanos now_ns) {
  if (!table_ || exempt(ip)) return Verdict::welcome;
  const ClientTable::Admission got =
      table_->enter(counted_as(ip, limits_.ipv6_prefix), limits_.connections, connections_, now_ns);
  visit.entry = got.entry;
  return verdict_of(got.verdict);
}

ClientGuard::Verdict ClientGuard::admit_request_of(const net::IpBytes& ip, Nanos now_ns) {
  if (!table_ || exempt(ip)) return Verdict::welcome;
  return verdict_of(
      table_->take_request_of(counted_as(ip, limits_.ipv6_prefix), requests_, now_ns));
}

void ClientGuard::recount(const net::IpBytes& ip, Visit& visit, Nanos now_ns) {
  // Joined before the old entry is left: the same one would else look free for a moment.
  ClientTable::Entry* before = visit.entry;
  const bool counted = table_ && !exempt(ip);
  visit.entry = counted ? table_->join(counted_as(ip, limits_.ipv6_prefix), now_ns).entry : nullptr;
  if (before) ClientTable::leave(*before);
  if (has_ceiling() && !visit.placed) {
    ceiling_->join();
    visit.placed = true;
  }
}

void ClientGuard::release(Visit& visit) {
  if (visit.entry) ClientTable::leave(*std::exchange(visit.entry, nullptr));
  if (std::exchange(visit.placed, false)) ceiling_->leave();
}

}  // namespace switchback::guard
