#include "admin/metrics/workers.hpp"

#include <unistd.h>

#include <cstdio>

#include "proxy/log/access_log.hpp"

namespace switchback::metrics {

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
  sum("switchback_private_connections_total", "counter",
      "Connections that a server tied an identity to (NTLM, Negotiate): one client's only.",
      [](const auto& w) { return w.private_connections.read(); });
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
  out.family(
      "switchback_server_lapses_total", "counter",
      "Answers of servers that broke a rule and were set right, by what (answers: lenient).");
  for (std::size_t i = 0; i < http::lapse_count; ++i) {
    std::uint64_t total = 0;
    for (const auto* shard : stats.workers) total += shard->lapses[i].read();
    out.sample({{"lapse", http::name_of(static_cast<http::Lapse>(i))}}, total);
  }
  out.family("switchback_reasons_total", "counter", "Own answers and early ends, by reason.");
  for (std::size_t r = 1; r < static_cast<std::size_t>(http::Reason::count_); ++r) {
    std::uint64_t total = 0;
    for (const auto* shard : stats.workers) total += shard->reasons[r].read();
    out.sample({{"reason", http::name_of(static_cast<http::Reason>(r))}}, total);
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

}  // namespace switchback::metrics
