#include "proxy/worker/names.hpp"

#include <algorithm>

namespace switchback::worker {

namespace {

constexpr std::size_t max_unresolved_text = 512;

const dns::NameStatus* find(const dns::NameTable& table, const config::Address& address) {
  const auto at = table.find(dns::name_key(address.host));
  return at == table.end() ? nullptr : &at->second;
}

bool has_address(const dns::NameStatus* status) {
  return status && !status->addresses.empty();
}

std::string why(const dns::NameStatus* status) {
  if (!status || status->error.empty()) return "the name is not resolved yet";
  return status->error;
}

upstream::PoolMember member_for(std::shared_ptr<upstream::ServerState> state, unsigned weight,
                                const std::vector<upstream::PoolMember>* before, unsigned workers) {
  upstream::PoolMember member;
  member.weight = weight;
  if (before) {
    for (const upstream::PoolMember& known : *before) {
      const upstream::ServerState& old = *known.shared->state;
      if (old.address == state->address && old.identity == state->identity) {
        member.shared = known.shared;
        return member;
      }
    }
  }
  member.shared = std::make_shared<upstream::ServerShared>(std::move(state), workers);
  return member;
}

bool same_members(const std::vector<upstream::PoolMember>& a,
                  const std::vector<upstream::PoolMember>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.shared == y.shared && x.weight == y.weight;
  });
}

bool any_of_name(const std::vector<upstream::PoolMember>& members, const config::Address& address) {
  return std::any_of(members.begin(), members.end(), [&](const upstream::PoolMember& member) {
    return member.shared->state->address == address;
  });
}

}  // namespace

std::set<std::string> names_of(const config::Pool& pool) {
  std::set<std::string> names;
  for (const config::Server& server : pool.servers) {
    if (upstream::is_name(server.address)) names.insert(dns::name_key(server.address.host));
  }
  return names;
}

std::set<std::string> names_of(const config::Config& config) {
  std::set<std::string> names;
  for (const config::Service& service : config.services) {
    names.merge(names_of(service.blue));
    names.merge(names_of(service.green));
  }
  return names;
}

std::vector<upstream::PoolMember> expand_pool(const config::Pool& pool, const dns::NameTable& table,
                                              const std::vector<upstream::PoolMember>* before,
                                              unsigned workers) {
  std::vector<upstream::PoolMember> members;
  const auto add = [&](std::shared_ptr<upstream::ServerState> state, unsigned weight) {
    members.push_back(member_for(std::move(state), weight, before, workers));
  };
  for (const config::Server& server : pool.servers) {
    if (!upstream::is_name(server.address)) {
      add(std::make_shared<upstream::ServerState>(server.address), server.weight);
      continue;
    }
    const dns::NameStatus* status = find(table, server.address);
    if (!status) continue;
    for (const dns::Ip& ip : status->addresses) {
      add(std::make_shared<upstream::ServerState>(server.address, ip), server.weight);
    }
  }
  return members;
}

std::string unresolved_in(const config::Pool& pool, const dns::NameTable& table) {
  std::string text;
  for (const config::Server& server : pool.servers) {
    if (!upstream::is_name(server.address)) continue;
    const dns::NameStatus* status = find(table, server.address);
    if (has_address(status) || text.size() > max_unresolved_text) continue;
    text += (text.empty() ? "" : "; ") + server.address.host + ": " + why(status);
  }
  return text;
}

void add_unresolved(const config::Pool& pool, const dns::NameTable& table,
                    std::vector<ServerView>& servers) {
  for (const config::Server& server : pool.servers) {
    if (!upstream::is_name(server.address)) continue;
    const dns::NameStatus* status = find(table, server.address);
    if (has_address(status)) continue;
    ServerView view;
    view.address = server.address.text;
    view.weight = server.weight;
    view.health = upstream::Health::unreachable;
    view.reason = "name " + server.address.host + ": " + why(status);
    servers.push_back(std::move(view));
  }
}

std::vector<NameView> views_of(const std::set<std::string>& names, const dns::NameTable& table) {
  std::vector<NameView> views;
  const Nanos now = monotonic_ns();
  const auto left_ms = [now](Nanos at) { return at > now ? (at - now) / 1'000'000 : 0; };
  for (const std::string& name : names) {
    NameView view;
    view.name = name;
    if (const auto at = table.find(name); at != table.end()) {
      const dns::NameStatus& status = at->second;
      for (const dns::Ip& ip : status.addresses) view.addresses.push_back(ip.text());
      view.resolved = status.resolved;
      view.trouble = status.trouble;
      view.error = status.error;
      view.ttl_left_ms = left_ms(status.expires_ns);
      view.age_ms = status.good_ns == 0 ? -1 : (now - status.good_ns) / 1'000'000;
      view.next_ms = left_ms(status.ask_ns);
      view.lookups = status.lookups;
      view.failures = status.failures;
      view.changes = status.changes;
      view.left_out = status.left_out;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::shared_ptr<const ServiceShared> with_names(
    const ServiceShared& service, const dns::NameTable& table, unsigned workers,
    const std::function<void(const upstream::HealthChange&)>& change) {
  std::shared_ptr<ServiceShared> next;
  for (const Color color : {Color::blue, Color::green}) {
    const config::Pool& pool = color == Color::blue ? service.config.blue : service.config.green;
    const auto& before = service.pools[index_of(color)];
    auto members = expand_pool(pool, table, &before, workers);
    auto unresolved = unresolved_in(pool, table);
    if (same_members(members, before) && unresolved == service.unresolved[index_of(color)]) {
      continue;
    }
    for (const config::Server& server : pool.servers) {
      const bool had = any_of_name(before, server.address);
      const bool has = any_of_name(members, server.address);
      if (had == has) continue;
      using upstream::Health;
      change({service.config.name, color, server.address.text,
              had ? Health::unknown : Health::unreachable,
              had ? Health::unreachable : Health::unknown,
              had ? "name " + server.address.host + ": " + why(find(table, server.address)) : ""});
    }
    if (!next) next = std::make_shared<ServiceShared>(service);
    next->pools[index_of(color)] = std::move(members);
    next->unresolved[index_of(color)] = std::move(unresolved);
  }
  return next;
}

}  // namespace switchback::worker
