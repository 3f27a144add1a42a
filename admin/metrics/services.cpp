#include "admin/metrics/services.hpp"

namespace switchback::metrics {
namespace {

constexpr Color colors[] = {Color::blue, Color::green};
constexpr double full = 100;  // per cent
using Rest = std::optional<double>;

}  // namespace

Views views_of(const worker::DataPlane& plane) {
  Views views;
  for (const auto& name : plane.services()) {
    if (auto view = plane.view(name)) views.push_back(std::move(*view));
  }
  return views;
}

void services(Exposition& out, const Views& views, const release::Controller& controller) {
  const auto gauge = [&](const char* name, const char* help, auto read, Rest rest = {}) {
    out.family(name, "gauge", help, rest);
    for (const auto& v : views)
      out.sample({{"service", v.service}}, static_cast<std::uint64_t>(read(v)));
  };
  const auto color_gauge = [&](const char* name, const char* help, auto read, Rest rest = {}) {
    out.family(name, "gauge", help, rest);
    for (const auto& v : views) {
      for (const Color color : colors) {
        out.sample({{"service", v.service}, {"color", to_string(color)}},
                   static_cast<std::uint64_t>(read(v, color)));
      }
    }
  };
  color_gauge("switchback_active", "1 for the color that takes new requests.",
              [](const auto& v, Color c) { return v.active == c; });
  color_gauge(
      "switchback_draining",
      "1 while requests begun on the color before a switch are still running.",
      [](const auto& v, Color c) { return v.pools[index_of(c)].draining; }, zero);
  color_gauge(
      "switchback_pool_panic",
      "1 while servers that fail their checks are used, for want of others.",
      [](const auto& v, Color c) { return v.pools[index_of(c)].panic; }, zero);
  color_gauge(
      "switchback_queue_waiting", "Requests waiting for a connection to a server.",
      [](const auto& v, Color c) { return v.pools[index_of(c)].waiting; }, zero);
  gauge("switchback_epoch", "Grows by at least one with every switch.",
        [](const auto& v) { return v.epoch; });
  gauge(
      "switchback_paused", "1 while requests wait at the door.",
      [](const auto& v) { return v.paused; }, zero);
  gauge(
      "switchback_waiting_requests", "Requests waiting at the door.",
      [](const auto& v) { return v.waiting; }, zero);
  gauge("switchback_rollback_target", "1 while there is something to roll back to.",
        [&](const auto& v) { return controller.rollback_target(v.service).has_value(); });
  out.family("switchback_in_flight", "gauge", "Requests in flight, by class.", zero);
  for (const auto& v : views) {
    for (const Color color : colors) {
      for (std::size_t c = 0; c < drain::class_count; ++c) {
        out.sample({{"service", v.service},
                    {"color", to_string(color)},
                    {"class", drain::to_string(static_cast<drain::TrafficClass>(c))}},
                   v.pools[index_of(color)].in_flight[c]);
      }
    }
  }
}

void servers(Exposition& out, const Views& views) {
  const auto each = [&](const char* name, const char* help, auto read, Rest rest = {},
                        const char* type = "gauge") {
    out.family(name, type, help, rest);
    for (const auto& v : views) {
      for (const Color color : colors) {
        for (const auto& s : v.pools[index_of(color)].servers) {
          out.sample({{"service", v.service}, {"color", to_string(color)}, {"server", s.address}},
                     static_cast<std::uint64_t>(read(s)));
        }
      }
    }
  };
  each("switchback_server_up", "1 when the server's last check passed.",
       [](const auto& s) { return s.health == upstream::Health::healthy; });
  each("switchback_server_health",
       "0 not checked yet, 1 healthy, 2 failing its check, 3 unreachable.",
       [](const auto& s) { return static_cast<unsigned>(s.health); });
  each(
      "switchback_server_in_flight", "Requests in flight at the server.",
      [](const auto& s) { return s.in_flight; }, zero);
  each(
      "switchback_server_connections", "Connections to the server, idle ones included.",
      [](const auto& s) { return s.connections; }, zero);
  each(
      "switchback_server_share_percent",
      "The part of its weight that counts now: less in slow start, 0 while it takes no requests.",
      [](const auto& s) { return s.share_percent; }, full);
  each(
      "switchback_server_ejected", "1 while the server is out for failing requests.",
      [](const auto& s) { return s.ejected_for.count() > 0; }, zero);
  each(
      "switchback_server_ejections_total", "Times it was taken out for failing requests.",
      [](const auto& s) { return s.ejections; }, zero, "counter");
  each(
      "switchback_server_ejections_withheld_total",
      "Times it was not, because too many were out or no other was left.",
      [](const auto& s) { return s.ejections_withheld; }, zero, "counter");
}

void names(Exposition& out, const std::vector<worker::NameView>& names) {
  if (names.empty()) return;
  const auto each = [&](const char* name, const char* type, const char* help, auto read,
                        Rest rest = {}) {
    out.family(name, type, help, rest);
    for (const auto& n : names) out.sample({{"name", n.name}}, std::uint64_t{read(n)});
  };
  each("switchback_dns_lookups_total", "counter", "Lookups of a name, answered or given up.",
       [](const auto& n) { return n.lookups; });
  each(
      "switchback_dns_failures_total", "counter", "Lookups without a full and good answer.",
      [](const auto& n) { return n.failures; }, zero);
  each(
      "switchback_dns_changes_total", "counter", "Times the addresses in use became others.",
      [](const auto& n) { return n.changes; }, zero);
  each("switchback_dns_addresses", "gauge", "Addresses of a name that are in use.",
       [](const auto& n) { return n.addresses.size(); });
  each(
      "switchback_dns_addresses_left_out", "gauge",
      "Addresses of the newest answer over the limit.", [](const auto& n) { return n.left_out; },
      zero);
  out.family("switchback_dns_last_answer_age_seconds", "gauge", "Since the last good answer.");
  for (const auto& n : names) {
    if (n.age_ms >= 0) out.sample({{"name", n.name}}, static_cast<double>(n.age_ms) / 1000);
  }
}

void flips(Exposition& out, const Views& views, const release::Controller& controller,
           const AdminCounts& admin) {
  out.family("switchback_flips_total", "counter", "Switches since the start, by kind.");
  // Whoever watches for them has to see the first one: a rate needs what was before.
  auto counts = admin.flips;
  for (const auto& v : views) {
    for (const char* kind : {"promote", "rollback"}) counts.try_emplace({v.service, kind}, 0);
  }
  for (const auto& [key, count] : counts) {
    out.sample({{"service", key.first}, {"kind", key.second}}, count);
  }
  std::map<std::string, release::Receipt> last;
  for (const auto& v : views) {
    if (auto receipt = controller.last_flip(v.service))
      last.emplace(v.service, std::move(*receipt));
  }
  out.family("switchback_last_flip_stage_seconds", "gauge",
             "When the last switch reached each stage, from its request on.");
  for (const auto& [service, receipt] : last) {
    const auto& s = receipt.stages_ms;
    const std::pair<const char*, std::optional<double>> stages[] = {
        {"decided", s.decided},     {"persisted", s.persisted}, {"switched", s.switched},
        {"first_new", s.first_new}, {"last_old", s.last_old},   {"drained", s.drained},
        {"verified", s.verified}};
    for (const auto& [stage, ms] : stages) {
      if (ms) out.sample({{"service", service}, {"stage", stage}}, *ms / 1000);
    }
  }
  out.family("switchback_last_flip_timestamp_seconds", "gauge",
             "When the last switch was asked for.");
  for (const auto& [service, receipt] : last) {
    out.sample({{"service", service}}, static_cast<double>(receipt.wall_us) / 1e6);
  }
  out.family("switchback_alarm", "gauge", "1 while the alarm stands.");
  for (const auto& code : admin.alarms) out.sample({{"code", code}}, std::uint64_t{1});
}

}  // namespace switchback::metrics
