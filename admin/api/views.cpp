#include "admin/api/views.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "admin/api/mirror_json.hpp"
#include "admin/events/receipt_json.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

constexpr Color colors[] = {Color::blue, Color::green};

json::object name_object(const worker::NameView& name) {
  json::array addresses;
  for (const auto& address : name.addresses) addresses.emplace_back(address);
  return {{"name", name.name},
          {"addresses", std::move(addresses)},
          {"ttl_left_ms", name.ttl_left_ms},
          {"age_ms", name.age_ms < 0 ? json::value() : json::value(name.age_ms)},
          {"next_ms", name.next_ms},
          {"error", name.error}};
}

json::object pool_object(const worker::PoolView& pool) {
  json::object in_flight;
  for (std::size_t c = 0; c < drain::class_count; ++c) {
    in_flight[drain::to_string(static_cast<drain::TrafficClass>(c))] = pool.in_flight[c];
  }
  json::array servers;
  for (const auto& server : pool.servers) {
    servers.push_back(json::object{{"address", server.address},
                                   {"healthy", server.health == upstream::Health::healthy},
                                   {"health", upstream::to_string(server.health)},
                                   {"weight", server.weight},
                                   {"share", server.share_percent},
                                   {"in_flight", server.in_flight},
                                   {"connections", server.connections},
                                   {"ejected_ms", server.ejected_for.count()},
                                   {"ejection", server.ejection},
                                   {"ejections", server.ejections},
                                   {"failures", server.failures_in_row},
                                   {"last_failure", server.last_failure},
                                   {"reason", server.reason}});
  }
  json::array names;
  for (const auto& name : pool.names) names.push_back(name_object(name));
  return {{"draining", pool.draining},         {"panic", pool.panic},
          {"in_flight", std::move(in_flight)}, {"connections_per_server", pool.connections_limit},
          {"waiting", pool.waiting},           {"servers", std::move(servers)},
          {"names", std::move(names)}};
}

}  // namespace

json::object service_object(const worker::ServiceView& view,
                            const release::Controller& controller) {
  json::object releases, pools;
  for (const Color color : colors) {
    const auto& pool = view.pools[index_of(color)];
    releases[to_string(color)] = pool.release;
    pools[to_string(color)] = pool_object(pool);
  }
  json::object service{{"service", view.service},  {"active", to_string(view.active)},
                       {"epoch", view.epoch},      {"releases", std::move(releases)},
                       {"paused", view.paused},    {"waiting", view.waiting},
                       {"pools", std::move(pools)}};
  const auto target = controller.rollback_target(view.service);
  service["rollback_target"] = target ? json::value(to_string(*target)) : json::value();
  const auto last = controller.last_flip(view.service);
  service["last_flip"] = last ? json::value(events::receipt_object(*last)) : json::value();
  return service;
}

json::array alarms_array(const events::Alarms& alarms, const std::string& service) {
  json::array out;
  for (const auto& alarm : alarms.standing()) {
    const auto colon = alarm.code.find(':');
    const bool of_another = !service.empty() && colon != std::string::npos &&
                            alarm.code.compare(colon + 1, std::string::npos, service) != 0;
    if (of_another) continue;
    out.push_back(json::object{{"code", alarm.code},
                               {"text", alarm.text},
                               {"since", events::rfc3339(alarm.since_wall_us)}});
  }
  return out;
}

json::object services_object(const worker::DataPlane& plane, const release::Controller& controller,
                             const events::Alarms& alarms) {
  json::array services;
  for (const auto& name : plane.services()) {
    auto view = plane.view(name);
    if (!view) continue;
    controller.name_releases(*view);
    auto service = service_object(*view, controller);
    const auto mirror = plane.mirror_view(name, 0);
    service["mirror"] = mirror ? mirror_summary(*mirror) : json::value();
    services.push_back(std::move(service));
  }
  return {{"services", std::move(services)}, {"alarms", alarms_array(alarms)}};
}

json::object flips_object(const std::vector<release::Receipt>& receipts) {
  json::array flips;
  for (const auto& receipt : receipts) flips.push_back(events::receipt_object(receipt));
  return {{"flips", std::move(flips)}};
}

std::string not_ready(const worker::DataPlane& plane) {
  std::string text;
  for (const auto& name : plane.services()) {
    const auto view = plane.view(name);
    if (!view) continue;
    const auto& servers = view->pools[index_of(view->active)].servers;
    const bool panic = view->pools[index_of(view->active)].panic;
    const bool usable =
        std::any_of(servers.begin(), servers.end(), [panic](const worker::ServerView& s) {
          const bool last_resort = panic && s.health == upstream::Health::failing;
          return (s.health <= upstream::Health::healthy || last_resort) && s.weight > 0;
        });
    if (usable) continue;
    text += "service " + name + ": no server of its active color " +
            std::string(to_string(view->active)) +
            (servers.empty() ? " is configured\n" : " can be used\n");
  }
  return text;
}

std::uint64_t in_flight_of(const worker::PoolView& pool) {
  std::uint64_t sum = 0;
  for (const auto count : pool.in_flight) sum += count;
  return sum;
}

}  // namespace switchback::api
