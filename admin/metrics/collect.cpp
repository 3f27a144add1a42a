#include "admin/metrics/collect.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>

#include "admin/metrics/exposition.hpp"
#include "admin/metrics/mirror.hpp"
#include "admin/metrics/people.hpp"
#include "proxy/log/access_log.hpp"

namespace switchback::metrics {
namespace {

constexpr Color colors[] = {Color::blue, Color::green};
using Views = std::vector<worker::ServiceView>;

Views views_of(const worker::DataPlane& plane) {
  Views views;
  for (const auto& name : plane.services()) {
    if (auto view = plane.view(name)) views.push_back(std::move(*view));
  }
  return views;
}

using ReadColor = std::function<std::uint64_t(const stats::ColorStats&)>;

std::uint64_t sum_color(const worker::StatsView::Service& service, Color color,
                        const ReadColor& read) {
  std::uint64_t sum = 0;
  for (const auto* shard : service.shards) sum += read(shard->color[index_of(color)]);
  return sum;
}

void by_color(Exposition& out, const worker::StatsView& stats, const char* name, const char* help,
              const ReadColor& read) {
  out.family(name, "counter", help);
  for (const auto& service : stats.services) {
    for (const Color color : colors) {
      out.sample({{"service", service.name}, {"color", to_string(color)}},
                 sum_color(service, color, read));
    }
  }
}

void requests(Exposition& out, const worker::StatsView& stats) {
  static constexpr const char* codes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  out.family("switchback_requests_total", "counter",
             "Requests ended, by the color that got them and the class of the answer (none: no "
             "answer was sent).");
  for (const auto& service : stats.services) {
    for (const Color color : colors) {
      for (std::size_t c = 0; c < 6; ++c) {
        out.sample(
            {{"service", service.name}, {"color", to_string(color)}, {"code", codes[c]}},
            sum_color(service, color, [c](const auto& s) { return s.by_status_class[c].read(); }));
      }
    }
  }
  by_color(out, stats, "switchback_requests_begun_total", "Requests that got a color.",
           [](const auto& s) { return s.requests.read(); });
  by_color(out, stats, "switchback_retries_total", "Attempts beyond the first.",
           [](const auto& s) { return s.retries.read(); });
  by_color(out, stats, "switchback_server_connects_total", "Connections made to servers.",
           [](const auto& s) { return s.connects.read(); });
  by_color(out, stats, "switchback_server_connect_failures_total",
           "Connections to servers that failed.",
           [](const auto& s) { return s.connect_failures.read(); });
  by_color(out, stats, "switchback_queued_requests_total",
           "Requests that waited for a connection to a server (connections_per_server).",
           [](const auto& s) { return s.queued.read(); });
  by_color(out, stats, "switchback_queue_timeouts_total",
           "Requests that waited longer than limits.queue_timeout.",
           [](const auto& s) { return s.queue_timeouts.read(); });
  by_color(out, stats, "switchback_queue_moved_total",
           "Requests that a flip took to the other color while they waited.",
           [](const auto& s) { return s.queue_moved.read(); });
  by_color(out, stats, "switchback_request_body_bytes_total", "Body bytes from clients.",
           [](const auto& s) { return s.bytes_in.read(); });
  by_color(out, stats, "switchback_response_body_bytes_total", "Body bytes to clients.",
           [](const auto& s) { return s.bytes_out.read(); });
}

void tunnels(Exposition& out, const worker::StatsView& stats) {
  by_color(out, stats, "switchback_tunnels_total",
           "Tunnels (WebSockets and other upgrades) begun; those open are switchback_in_flight of "
           "class tunnel.",
           [](const auto& s) { return s.tunnels.begun.read(); });
  const auto by_side = [&](const char* name, const char* help, auto member) {
    out.family(name, "counter", help);
    for (const auto& service : stats.services) {
      for (const Color color : colors) {
        for (std::size_t side = 0; side < 2; ++side) {
          out.sample({{"service", service.name},
                      {"color", to_string(color)},
                      {"side", side == 0 ? "client" : "server"}},
                     sum_color(service, color,
                               [&](const auto& s) { return (s.tunnels.*member)[side].read(); }));
        }
      }
    }
  };
  by_side("switchback_tunnel_closes_sent_total",
          "WebSocket Close frames of the proxy's own, by the side they went to.",
          &stats::TunnelStats::closes_sent);
  by_side("switchback_tunnel_closes_answered_total",
          "Of these, answered with a Close of that side's own.",
          &stats::TunnelStats::closes_answered);
  by_color(out, stats, "switchback_tunnels_cut_total",
           "Tunnels cut because they had not ended by their cap.",
           [](const auto& s) { return s.tunnels.cut.read(); });
  by_color(out, stats, "switchback_tunnel_violations_total",
           "WebSockets whose frames broke the rules: passed on, but closed without a Close frame.",
           [](const auto& s) { return s.tunnels.not_followed.read(); });
}

void histogram_of(Exposition& out, const worker::StatsView::Service& service, Color color,
                  stats::Histogram stats::ColorStats::*member) {
  std::array<std::uint64_t, stats::Histogram::bucket_count> sums{};
  std::uint64_t sum_us = 0;
  for (const auto* shard : service.shards) {
    const auto& histogram = shard->color[index_of(color)].*member;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += histogram.bucket(i);
    sum_us += histogram.sum_us();
  }
  std::size_t next = 0;
  std::uint64_t cumulative = 0;
  for (unsigned log2 = first_bound_log2; log2 <= last_bound_log2; ++log2) {
    const std::uint64_t bound_us = std::uint64_t{1} << log2;
    while (next < sums.size() && stats::Histogram::upper_bound_us(next) <= bound_us)
      cumulative += sums[next++];
    out.sample("_bucket",
               {{"service", service.name},
                {"color", to_string(color)},
                {"le", number_text(static_cast<double>(bound_us) / 1e6)}},
               cumulative);
  }
  // The count is the sum of what was read just now: a request that ends in between would else make
  // +Inf smaller than a bucket.
  while (next < sums.size()) cumulative += sums[next++];
  const std::string_view color_name = to_string(color);
  out.sample("_bucket", {{"service", service.name}, {"color", color_name}, {"le", "+Inf"}},
             cumulative);
  out.sample("_sum", {{"service", service.name}, {"color", color_name}},
             static_cast<double>(sum_us) / 1e6);
  out.sample("_count", {{"service", service.name}, {"color", color_name}}, cumulative);
}

void histograms(Exposition& out, const worker::StatsView& stats) {
  out.family("switchback_request_duration_seconds", "histogram",
             "From the request's complete head to its answer handed over.");
  for (const auto& service : stats.services) {
    for (const Color color : colors) histogram_of(out, service, color, &stats::ColorStats::total);
  }
  out.family("switchback_first_byte_seconds", "histogram",
             "From the request's complete head to the head of its answer.");
  for (const auto& service : stats.services) {
    for (const Color color : colors)
      histogram_of(out, service, color, &stats::ColorStats::first_byte);
  }
  out.family("switchback_queue_wait_seconds", "histogram",
             "How long requests waited for a connection to a server, however the wait ended.");
  for (const auto& service : stats.services) {
    for (const Color color : colors)
      histogram_of(out, service, color, &stats::ColorStats::queue_wait);
  }
}

void services(Exposition& out, const Views& views, const release::Controller& controller) {
  const auto gauge = [&](const char* name, const char* help, auto read) {
    out.family(name, "gauge", help);
    for (const auto& v : views)
      out.sample({{"service", v.service}}, static_cast<std::uint64_t>(read(v)));
  };
  const auto color_gauge = [&](const char* name, const char* help, auto read) {
    out.family(name, "gauge", help);
    for (const auto& v : views) {
      for (const Color color : colors) {
        out.sample({{"service", v.service}, {"color", to_string(color)}},
                   static_cast<std::uint64_t>(read(v, color)));
      }
    }
  };
  color_gauge("switchback_active", "1 for the color that takes new requests.",
              [](const auto& v, Color c) { return v.active == c; });
  color_gauge("switchback_draining",
              "1 while requests begun on the color before a switch are still running.",
              [](const auto& v, Color c) { return v.pools[index_of(c)].draining; });
  color_gauge("switchback_queue_waiting", "Requests waiting for a connection to a server.",
              [](const auto& v, Color c) { return v.pools[index_of(c)].waiting; });
  gauge("switchback_epoch", "Grows by at least one with every switch.",
        [](const auto& v) { return v.epoch; });
  gauge("switchback_paused", "1 while requests wait at the door.",
        [](const auto& v) { return v.paused; });
  gauge("switchback_waiting_requests", "Requests waiting at the door.",
        [](const auto& v) { return v.waiting; });
  gauge("switchback_rollback_target", "1 while there is something to roll back to.",
        [&](const auto& v) { return controller.rollback_target(v.service).has_value(); });
  out.family("switchback_in_flight", "gauge", "Requests in flight, by class.");
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

void panics(Exposition& out, const Views& views) {
  out.family("switchback_pool_panic", "gauge",
             "1 while servers that fail their checks are used, for want of others.");
  for (const auto& v : views) {
    for (const Color color : colors) {
      out.sample({{"service", v.service}, {"color", to_string(color)}},
                 std::uint64_t{v.pools[index_of(color)].panic});
    }
  }
}

void servers(Exposition& out, const Views& views) {
  panics(out, views);
  const auto each = [&](const char* name, const char* help, auto read, const char* type = "gauge") {
    out.family(name, type, help);
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
  each("switchback_server_in_flight", "Requests in flight at the server.",
       [](const auto& s) { return s.in_flight; });
  each("switchback_server_connections", "Connections to the server, idle ones included.",
       [](const auto& s) { return s.connections; });
  each("switchback_server_share_percent",
       "The part of its weight that counts now: less in slow start, 0 while it takes no requests.",
       [](const auto& s) { return s.share_percent; });
  each("switchback_server_ejected", "1 while the server is out for failing requests.",
       [](const auto& s) { return s.ejected_for.count() > 0; });
  each(
      "switchback_server_ejections_total", "Times it was taken out for failing requests.",
      [](const auto& s) { return s.ejections; }, "counter");
  each(
      "switchback_server_ejections_withheld_total",
      "Times it was not, because too many were out or no other was left.",
      [](const auto& s) { return s.ejections_withheld; }, "counter");
}

void names(Exposition& out, const std::vector<worker::NameView>& names) {
  if (names.empty()) return;
  const auto each = [&](const char* name, const char* type, const char* help, auto read) {
    out.family(name, type, help);
    for (const auto& n : names) out.sample({{"name", n.name}}, std::uint64_t{read(n)});
  };
  each("switchback_dns_lookups_total", "counter", "Lookups of a name, answered or given up.",
       [](const auto& n) { return n.lookups; });
  each("switchback_dns_failures_total", "counter", "Lookups without a full and good answer.",
       [](const auto& n) { return n.failures; });
  each("switchback_dns_changes_total", "counter", "Times the addresses in use became others.",
       [](const auto& n) { return n.changes; });
  each("switchback_dns_addresses", "gauge", "Addresses of a name that are in use.",
       [](const auto& n) { return n.addresses.size(); });
  each("switchback_dns_addresses_left_out", "gauge",
       "Addresses of the newest answer over the limit.", [](const auto& n) { return n.left_out; });
  out.family("switchback_dns_last_answer_age_seconds", "gauge", "Since the last good answer.");
  for (const auto& n : names) {
    if (n.age_ms >= 0) out.sample({{"name", n.name}}, static_cast<double>(n.age_ms) / 1000);
  }
}

void flips(Exposition& out, const Views& views, const release::Controller& controller,
           const AdminCounts& admin) {
  out.family("switchback_flips_total", "counter", "Switches since the start, by kind.");
  for (const auto& [key, count] : admin.flips) {
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
  for (const auto& alarm : controller.alarms())
    out.sample({{"code", alarm.code}}, std::uint64_t{1});
}

void workers(Exposition& out, const worker::StatsView& stats) {
  const auto sum = [&](const char* name, const char* type, const char* help, auto read) {
    std::int64_t total = 0;
    for (const auto* shard : stats.workers) total += static_cast<std::int64_t>(read(*shard));
    out.family(name, type, help);
    out.sample({}, static_cast<std::uint64_t>(total < 0 ? 0 : total));
  };
  sum("switchback_connections_total", "counter", "Client connections accepted.",
      [](const auto& w) { return w.connections.read(); });
  sum("switchback_connections", "gauge", "Client connections open.",
      [](const auto& w) { return w.open_connections.read(); });
  sum("switchback_accept_pauses_total", "counter",
      "Times accepting paused for want of descriptors.",
      [](const auto& w) { return w.accept_pauses.read(); });
  sum("switchback_client_connections_evicted_total", "counter",
      "Idle client connections closed for want of descriptors.",
      [](const auto& w) { return w.evicted_clients.read(); });
  sum("switchback_server_connections_evicted_total", "counter",
      "Idle connections to servers closed for want of descriptors.",
      [](const auto& w) { return w.evicted_servers.read(); });
  sum("switchback_max_connections_waits_total", "counter",
      "Times accepting stopped at clients.max_connections until a connection ended.",
      [](const auto& w) { return w.ceiling_waits.read(); });
  sum("switchback_clients_uncounted_total", "counter",
      "Connections let in without limits, because the table of clients had no room for them.",
      [](const auto& w) { return w.uncounted_clients.read(); });
  sum("switchback_spliced_bytes_total", "counter",
      "Bytes of large bodies that passed without being copied (splice).",
      [](const auto& w) { return w.spliced_bytes.read(); });
  sum("switchback_splice_pipes_refused_total", "counter",
      "Reads of large bodies that were copied, since all pipes were in use or descriptors scarce.",
      [](const auto& w) { return w.pipes_refused.read(); });
  sum("switchback_server_idle_connections", "gauge", "Kept-alive connections to servers.",
      [](const auto& w) { return w.upstream_idle.read(); });
  sum("switchback_server_tls_handshakes_total", "counter",
      "TLS handshakes with servers that succeeded.",
      [](const auto& w) { return w.server_handshakes.read(); });
  sum("switchback_server_tls_handshakes_resumed_total", "counter",
      "Of these, how many resumed an earlier session.",
      [](const auto& w) { return w.server_handshakes_resumed.read(); });
  sum("switchback_server_tls_handshake_failures_total", "counter",
      "TLS handshakes with servers that failed (health checks are not counted).",
      [](const auto& w) { return w.server_handshake_failures.read(); });
  sum("switchback_access_records_dropped_total", "counter", "Access records that found no room.",
      [](const auto& w) { return w.access_dropped.read(); });
  out.family("switchback_log_lines_dropped_total", "counter",
             "Lines of the program's own log that found no room, since nobody reads stderr.");
  out.sample({}, log::dropped_program_log_lines());
  out.family("switchback_reasons_total", "counter", "Own answers and early ends, by reason.");
  for (std::size_t r = 1; r < static_cast<std::size_t>(http::Reason::count_); ++r) {
    std::uint64_t total = 0;
    for (const auto* shard : stats.workers) total += shard->reasons[r].read();
    out.sample({{"reason", http::name_of(static_cast<http::Reason>(r))}}, total);
  }
  out.family("switchback_paused_requests_total", "counter",
             "Requests that have waited at the door.");
  for (const auto& service : stats.services) {
    std::uint64_t total = 0;
    for (const auto* shard : service.shards) total += shard->paused_total.read();
    out.sample({{"service", service.name}}, total);
  }
}

void tls_handshakes(Exposition& out, const worker::StatsView& stats) {
  const auto sum = [&](auto read) {
    std::int64_t total = 0;
    for (const auto* shard : stats.workers) total += static_cast<std::int64_t>(read(shard->tls));
    return static_cast<std::uint64_t>(total < 0 ? 0 : total);
  };
  out.family("switchback_tls_handshakes_total", "counter",
             "TLS handshakes with clients completed, resumed ones among them.");
  out.sample({{"version", "1.2"}}, sum([](const auto& t) { return t.handshakes_1_2.read(); }));
  out.sample({{"version", "1.3"}}, sum([](const auto& t) { return t.handshakes_1_3.read(); }));
  out.family("switchback_tls_resumed_total", "counter",
             "TLS handshakes with clients that went on with a session's ticket.");
  out.sample({}, sum([](const auto& t) { return t.resumed.read(); }));
  out.family("switchback_tls_handshake_failures_total", "counter",
             "TLS handshakes with clients that failed, by reason.");
  for (std::size_t f = 1; f < static_cast<std::size_t>(tls::Failure::count_); ++f) {
    out.sample({{"reason", tls::name_of(static_cast<tls::Failure>(f))}},
               sum([f](const auto& t) { return t.failures[f].read(); }));
  }
  out.family("switchback_tls_handshaking", "gauge",
             "Client connections between accept and the end of their handshake.");
  out.sample({}, sum([](const auto& t) { return t.handshaking.read(); }));
  out.family("switchback_tls_handshake_waits_total", "counter",
             "Turns of a worker's loop that left handshakes for the next one, so that requests "
             "were not kept waiting.");
  out.sample({}, sum([](const auto& t) { return t.waits.read(); }));
}

void admin_plane(Exposition& out, const AdminCounts& a) {
  const auto one = [&](const char* name, const char* type, const char* help, std::uint64_t value) {
    out.family(name, type, help);
    out.sample({}, value);
  };
  one("switchback_admin_connections", "gauge", "Admin connections open.", a.connections_open);
  one("switchback_admin_connections_total", "counter", "Admin connections accepted.",
      a.connections_accepted);
  one("switchback_admin_connections_refused_total", "counter", "Refused over a limit.",
      a.connections_refused);
  one("switchback_admin_connections_evicted_total", "counter", "Idle ones closed to make room.",
      a.connections_evicted);
  one("switchback_admin_requests_total", "counter", "Admin requests.", a.requests);
  one("switchback_admin_malformed_total", "counter", "Admin requests that were not HTTP.",
      a.malformed);
  one("switchback_admin_timeouts_total", "counter", "Admin connections that were too slow.",
      a.timed_out);
  out.family("switchback_admin_refused_total", "counter", "Admin requests refused, by why.");
  out.sample({{"why", "unauthenticated"}}, a.auth_failed);
  out.sample({{"why", "limited"}}, a.auth_limited);
  out.sample({{"why", "role"}}, a.auth_forbidden);
  out.sample({{"why", "cross_site"}}, a.cross_site);
  one("switchback_event_subscribers", "gauge", "Readers of the event stream.", a.event_subscribers);
  one("switchback_events_sent_total", "counter", "Events handed to readers.", a.events_sent);
  one("switchback_event_subscribers_cut_total", "counter", "Readers cut for being too slow.",
      a.event_subscribers_cut);
  one("switchback_event_subscribers_refused_total", "counter", "Readers refused over the limit.",
      a.event_subscribers_refused);
}

// The process's own, under the names every dashboard knows.
void process(Exposition& out) {
  out.family("switchback_build_info", "gauge", "Always 1; the version is in the label.");
  out.sample({{"version", SWITCHBACK_VERSION}}, std::uint64_t{1});
  std::FILE* file = std::fopen("/proc/self/stat", "re");
  if (file == nullptr) return;
  char line[1024] = "";
  const std::size_t size = std::fread(line, 1, sizeof line - 1, file);
  std::fclose(file);
  line[size] = '\0';
  // The name in parentheses may hold anything; what counts begins after the last one.
  const std::string text(line);
  unsigned long user = 0, system = 0;
  long resident = 0;
  const auto end = text.rfind(')');
  if (end == std::string::npos || std::sscanf(text.c_str() + end + 1,
                                              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu "
                                              "%lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
                                              &user, &system, &resident) != 3) {
    return;
  }
  out.family("process_cpu_seconds_total", "counter", "CPU time used.");
  out.sample({}, static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
  out.family("process_resident_memory_bytes", "gauge", "Memory in RAM.");
  out.sample({}, static_cast<std::uint64_t>(resident) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace

std::string prometheus_text(const worker::DataPlane& plane, const release::Controller& controller,
                            const AdminCounts& admin) {
  Exposition out;
  const auto views = views_of(plane);
  const auto stats = plane.stats();
  requests(out, stats);
  tunnels(out, stats);
  histograms(out, stats);
  services(out, views, controller);
  servers(out, views);
  names(out, plane.names());
  flips(out, views, controller, admin);
  workers(out, stats);
  tls_handshakes(out, stats);
  mirror_metrics(out, plane);
  people(out, admin.people);
  admin_plane(out, admin);
  process(out);
  return out.take();
}

}  // namespace switchback::metrics
