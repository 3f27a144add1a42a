#include "proxy/mirror/runs.hpp"

#include <algorithm>

#include "proxy/base/clock.hpp"
#include "proxy/exchange/service_runtime.hpp"

namespace switchback::mirror {

namespace {

const config::Pool& pool_of(const config::Service& service, Color color) {
  return color == Color::blue ? service.blue : service.green;
}

// Weights may change: they are no other release.
bool same_servers(const config::Pool& a, const config::Pool& b) {
  return a.servers.size() == b.servers.size() &&
         std::equal(a.servers.begin(), a.servers.end(), b.servers.begin(),
                    [](const auto& x, const auto& y) { return x.address == y.address; });
}

bool same_question(const config::Service& a, const config::Service& b, Color target) {
  return a.blue.release == b.blue.release && a.green.release == b.green.release &&
         same_servers(pool_of(a, target), pool_of(b, target)) &&
         a.mirror.headers == b.mirror.headers;
}

}  // namespace

Rules::Rules(const config::Mirror& config)
    : percent(config.percent),
      method_mask(exchange::method_mask(config.methods)),
      methods(config.methods),
      body(config.body),
      in_flight(config.in_flight),
      timeout_ns(to_nanos(config.timeout)) {}

std::shared_ptr<Run> Runs::begin(const Entry& entry, route::ActiveWord word) {
  auto run = std::make_shared<Run>(workers_, entry.totals);
  run->target = other(word.color);
  run->epoch = word.epoch;
  run->number = ++begun_;
  run->releases = {entry.config.blue.release, entry.config.green.release};
  run->headers = entry.config.mirror.headers;
  run->since_wall_us = wall_us();
  return run;
}

Setup Runs::configure(const config::Service& service, route::ActiveWord word) {
  auto [at, fresh] = entries_.try_emplace(service.name);
  Entry& entry = at->second;
  if (fresh) entry.totals = std::make_shared<Totals>(workers_);
  const bool goes_on = entry.setup.run && entry.setup.run->epoch == word.epoch &&
                       same_question(entry.config, service, entry.setup.run->target);
  entry.config = service;
  if (service.mirror.percent == 0) {
    entry.setup = {};
  } else {
    entry.setup.rules = std::make_shared<const Rules>(service.mirror);
    if (!goes_on) entry.setup.run = begin(entry, word);
  }
  return entry.setup;
}

std::shared_ptr<Run> Runs::switched(const std::string& service, route::ActiveWord word) {
  const auto at = entries_.find(service);
  if (at == entries_.end() || !at->second.setup.rules) return nullptr;
  return at->second.setup.run = begin(at->second, word);
}

std::optional<View> Runs::view(const std::string& service, std::size_t most_samples) const {
  const auto at = entries_.find(service);
  if (at == entries_.end()) return std::nullopt;
  return view_of(at->second.setup, *at->second.totals, most_samples);
}

}  // namespace switchback::mirror
