#include "proxy/upstream/balancer.hpp"

#include <cmath>

namespace switchback::upstream {

namespace {

bool can_take(const WorkerServer& server, const void* avoid) {
  return &server != avoid && server.usable();
}

bool lighter(const WorkerServer& a, const WorkerServer& b) {
  // a.in_flight / a.weight < b.in_flight / b.weight, with the request to come counted
  return static_cast<std::uint64_t>(a.in_flight + 1) * b.weight <
         static_cast<std::uint64_t>(b.in_flight + 1) * a.weight;
}

std::uint64_t mix(std::uint64_t x) {   // splitmix64's finaliser
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

std::uint64_t hash_text(std::string_view text) {   // FNV-1a, finished by mix()
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

std::uint64_t Balancer::next_random() {   // xorshift64*
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1dULL;
}

WorkerServer* Balancer::pick(const Servers& servers, const http::RequestHead* head,
                             const void* avoid) {
  if (servers.size() == 1) return servers[0]->usable() ? servers[0].get() : nullptr;
  WorkerServer* chosen = nullptr;
  if (balance_.policy == config::BalancePolicy::round_robin) {
    chosen = pick_round_robin(servers, avoid);
  } else if (balance_.policy == config::BalancePolicy::hash && head) {
    std::string_view key;
    if (balance_.hash_source == config::HashSource::cookie) {
      key = cookie_value(*head, balance_.hash_name);
    } else {
      for (const http::Field& field : head->fields) {
        if (http::iequals(field.name(), balance_.hash_name)) {
          key = field.value();
          break;
        }
      }
    }
    chosen = key.empty() ? pick_least(servers, avoid) : pick_hash(servers, key, avoid);
  } else {
    chosen = pick_least(servers, avoid);
  }
  return !chosen && avoid ? pick(servers, head, nullptr) : chosen;
}

WorkerServer* Balancer::pick_least(const Servers& servers, const void* avoid) {
  const std::size_t n = servers.size();
  if (n == 0) return nullptr;
  const std::uint64_t random = next_random();
  WorkerServer* a = servers[(random & 0xffffffff) % n].get();
  WorkerServer* b = servers[(random >> 32) % n].get();
  const bool a_can = can_take(*a, avoid), b_can = can_take(*b, avoid);
  if (a_can && b_can && a != b) return lighter(*b, *a) ? b : a;
  // The same one twice, or one that cannot: look at all, so that load spreads over what is left.
  WorkerServer* best = nullptr;
  const std::size_t start = static_cast<std::size_t>(random >> 17) % n;
  for (std::size_t i = 0; i < n; ++i) {
    WorkerServer* server = servers[(start + i) % n].get();
    if (can_take(*server, avoid) && (!best || lighter(*server, *best))) best = server;
  }
  return best;
}

WorkerServer* Balancer::pick_round_robin(const Servers& servers, const void* avoid) {
  WorkerServer* best = nullptr;
  int total = 0;
  for (const auto& server : servers) {
    if (!can_take(*server, avoid)) continue;
    server->round_robin_credit += static_cast<int>(server->weight);
    total += static_cast<int>(server->weight);
    if (!best || server->round_robin_credit > best->round_robin_credit) best = server.get();
  }
  if (best) best->round_robin_credit -= total;
  return best;
}

WorkerServer* Balancer::pick_hash(const Servers& servers, std::string_view key, const void* avoid) {
  const std::uint64_t key_hash = hash_text(key);
  WorkerServer* best = nullptr;
  double best_score = 0;
  for (const auto& server : servers) {
    if (!can_take(*server, avoid)) continue;
    const std::uint64_t h = mix(key_hash ^ hash_text(server->shared->state->identity));
    const double unit = (static_cast<double>(h >> 11) + 0.5) / 9007199254740992.0;   // (0, 1)
    const double score = server->weight / -std::log(unit);
    if (!best || score > best_score) {
      best = server.get();
      best_score = score;
    }
  }
  return best;
}

}  // namespace switchback::upstream
