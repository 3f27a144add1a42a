// The limits of clients, and room when descriptors run out.
#include <algorithm>

#include "proxy/downstream/host.hpp"
#include "proxy/downstream/session.hpp"
#include "proxy/log/access_log.hpp"

namespace switchback::downstream {

namespace {
constexpr Nanos second_ns = 1'000'000'000;
// Younger ones may have a request on its way.
constexpr Nanos idle_at_least_ns = 100'000'000;
constexpr unsigned logged_refusals = 16;  // a second: a flood must not fill a disk
}  // namespace

void Host::configure(const config::Clients& limits, guard::ClientShares& shares) {
  guard_.adopt(limits, shares);
  for (const auto& session : all_) {
    if (session->is_open()) {
      guard_.recount(session->address(), session->visit(), reactor().now_ns());
    }
  }
  context_.limits_requests = guard_.limits_requests();
}

bool Host::admit(const net::IpBytes& ip, std::string_view text, guard::Visit& visit) {
  switch (guard_.admit(ip, visit, reactor().now_ns())) {
    case guard::ClientGuard::Verdict::welcome:
      return true;
    case guard::ClientGuard::Verdict::uncounted:
      context_.stats->uncounted_clients.add();
      return true;
    case guard::ClientGuard::Verdict::over_limit:
      break;
  }
  context_.count(http::Reason::client_limited);
  record_refused(text);
  return false;
}

bool Host::admit_request_of(const net::IpBytes& ip) {
  const auto verdict = guard_.admit_request_of(ip, reactor().now_ns());
  if (verdict == guard::ClientGuard::Verdict::uncounted) context_.stats->uncounted_clients.add();
  return verdict != guard::ClientGuard::Verdict::over_limit;
}

void Host::record_refused(std::string_view client) {
  const Nanos now = reactor().now_ns();
  if (now - refusals_since_ns_ >= second_ns) {
    refusals_since_ns_ = now;
    refusals_ = 0;
  }
  if (!context_.access || ++refusals_ > logged_refusals) return;
  log::AccessRecord record;
  record.wall_us = context_.wall_us();
  record.reason = http::Reason::client_limited;
  record.client = client;
  if (!context_.access->push(record)) context_.stats->access_dropped.add();
}

std::size_t Host::evict() {
  const std::size_t idle = evict_longest(false, idle_at_least_ns);
  return idle > 0 ? idle : evict_longest(true, second_ns);
}

// One look at all of them makes room for many: a flood costs a look for every sixteenth or later.
std::size_t Host::evict_longest(bool heads, Nanos at_least_ns) {
  const Nanos before = reactor().now_ns() - at_least_ns;
  waiting_.clear();
  for (const auto& session : all_) {
    const Nanos since = session->waiting_since_ns(heads);
    if (since != 0 && since <= before) waiting_.push_back(session.get());
  }
  const std::size_t count = std::min(waiting_.size(), std::max<std::size_t>(16, open_ / 64));
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(waiting_.begin(), end, waiting_.end(), [&](const Session* a, const Session* b) {
    return a->waiting_since_ns(heads) < b->waiting_since_ns(heads);
  });
  std::for_each(waiting_.begin(), end, [](Session* session) { session->evict(); });
  context_.stats->evicted_clients.add(count);
  return count;
}

}  // namespace switchback::downstream
