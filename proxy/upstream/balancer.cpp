#include "proxy/upstream/balancer.hpp"

#include <cmath>

namespace switchback::upstream {

namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

std::uint64_t hash_text(std::string_view text) {  // FNV-1a, finished by mix()
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(h);
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

}  // namespace

std::string_view cookie_value(const http::RequestHead& head, std::string_view name) {
  for (const http::Field& field : head.fields) {
    if (field.id != http::FieldId::cookie) continue;
    std::string_view rest = field.value();
    while (!rest.empty()) {
      const std::size_t semicolon = rest.find(';');
      const std::string_view pair = trim(rest.substr(0, semicolon));
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
        return pair.substr(equals + 1);
      }
      if (semicolon == std::string_view::npos) break;
      rest.remove_prefix(semicolon + 1);
    }
  }
  return {};
}

std::uint64_t Balancer::next_random() {  // xorshift64*
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1dULL;
}

WorkerServer* Balancer::pick(const Servers& servers, const http::RequestHead* head,
                             const void* avoid, Nanos now_ns, const http::ClientAddress* named) {
  if (servers.size() == 1) return servers[0]->usable(now_ns, true) ? servers[0].get() : nullptr;
  now_ns_ = now_ns;
  named_ = named;
  even_ejected_ = false;
  even_unknown_ = false;
  WorkerServer* chosen = pick_by_policy(servers, head, avoid);
  if (!chosen && !even_unknown_) {
    even_unknown_ = true;
    chosen = pick_by_policy(servers, head, avoid);
  }
  if (!chosen && avoid) chosen = pick_by_policy(servers, head, nullptr);
  if (!chosen) {
    even_ejected_ = true;
    chosen = pick_by_policy(servers, head, nullptr);
  }
  return chosen;
}

// Whether those that passed a check are too few to do without the others.
void Balancer::count_unknown(const Servers& servers) {
  if (even_unknown_) return;
  std::uint64_t passed = 0;
  std::uint64_t unknown = 0;
  for (const auto& server : servers) {
    if (server->usable(now_ns_, even_ejected_)) {
      (server->passed() ? passed : unknown) += server->weight;
    }
  }
  even_unknown_ = unknown > passed;
}

void Balancer::configure(const config::Balance& balance) {
  balance_ = balance;
  by_client_ = balance.policy == config::BalancePolicy::hash &&
               balance.hash_source == config::HashSource::header &&
               http::iequals(balance.hash_name, "X-Forwarded-For");
}

// Empty: the request has none.
std::string_view Balancer::key_of(const http::RequestHead& head) const {
  if (balance_.hash_source == config::HashSource::cookie) {
    return cookie_value(head, balance_.hash_name);
  }
  if (by_client_ && named_) {
    return {reinterpret_cast<const char*>(named_->ip.data()), named_->ip.size()};
  }
  for (const http::Field& field : head.fields) {
    if (http::iequals(field.name(), balance_.hash_name)) return field.value();
  }
  return {};
}

WorkerServer* Balancer::pick_by_policy(const Servers& servers, const http::RequestHead* head,
                                       const void* avoid) {
  if (balance_.policy == config::BalancePolicy::round_robin) {
    return pick_round_robin(servers, avoid);
  }
  if (balance_.policy != config::BalancePolicy::hash || !head) return pick_least(servers, avoid);
  const std::string_view key = key_of(*head);
  return key.empty() ? pick_least(servers, avoid) : pick_hash(servers, key, avoid);
}

// One of those that can take it, each as likely as its weight; `but` is left out.
WorkerServer* Balancer::draw(const Servers& servers, const void* avoid, const WorkerServer* but) {
  std::uint64_t total = 0;
  for (const auto& server : servers) {
    if (server.get() != but && can_take(*server, avoid)) total += weight_of(*server);
  }
  if (total == 0) return nullptr;
  // The upper half of the product: even to 2^-33, without a division.
  std::uint64_t left = ((next_random() >> 32) * total) >> 32;
  WorkerServer* last = nullptr;
  for (const auto& server : servers) {
    if (server.get() == but || !can_take(*server, avoid)) continue;
    last = server.get();
    const std::uint64_t weight = weight_of(*server);
    if (left < weight) break;
    left -= weight;
  }
  return last;  // another worker may have ejected one meanwhile: then the last will do
}

WorkerServer* Balancer::pick_least(const Servers& servers, const void* avoid) {
  const std::size_t n = servers.size();
  if (n == 0) return nullptr;
  if (even_ && slow_start_ns_ == 0) {
    const std::uint64_t random = next_random();
    WorkerServer* a = servers[(random & 0xffffffff) % n].get();
    WorkerServer* b = servers[(random >> 32) % n].get();
    if (a != b && can_take(*a, avoid) && can_take(*b, avoid)) {
      return b->in_flight < a->in_flight ? b : a;
    }
  }
  count_unknown(servers);
  WorkerServer* a = draw(servers, avoid, nullptr);
  WorkerServer* b = a ? draw(servers, avoid, a) : nullptr;
  if (!b) return a;
  return b->in_flight * weight_of(*a) < a->in_flight * weight_of(*b) ? b : a;
}

// Smooth: each gains its weight, the richest is taken and pays for all.
WorkerServer* Balancer::pick_round_robin(const Servers& servers, const void* avoid) {
  count_unknown(servers);
  WorkerServer* best = nullptr;
  std::int64_t total = 0;
  for (const auto& server : servers) {
    if (!can_take(*server, avoid)) continue;
    const auto weight = static_cast<std::int64_t>(weight_of(*server));
    server->round_robin_credit += weight;
    total += weight;
    if (!best || server->round_robin_credit > best->round_robin_credit) best = server.get();
  }
  if (best) best->round_robin_credit -= total;
  return best;
}

WorkerServer* Balancer::pick_hash(const Servers& servers, std::string_view key, const void* avoid) {
  count_unknown(servers);
  const std::uint64_t key_hash = hash_text(key);
  WorkerServer* best = nullptr;
  double best_score = 0;
  for (const auto& server : servers) {
    if (!can_take(*server, avoid)) continue;
    const std::uint64_t h = mix(key_hash ^ hash_text(server->shared->state->identity));
    const double unit = (static_cast<double>(h >> 11) + 0.5) / 9007199254740992.0;  // (0, 1)
    const double score = static_cast<double>(weight_of(*server)) / -std::log(unit);
    if (!best || score > best_score) {
      best = server.get();
      best_score = score;
    }
  }
  return best;
}

}  // namespace switchback::upstream
