#include "admin/metrics/traffic.hpp"

#include <functional>

#include "admin/metrics/histogram.hpp"

namespace switchback::metrics {
namespace {

constexpr Color colors[] = {Color::blue, Color::green};

using ReadColor = std::function<std::uint64_t(const stats::ColorStats&)>;

std::uint64_t sum_color(const worker::StatsView::Service& service, Color color,
                        const ReadColor& read) {
  std::uint64_t sum = 0;
  for (const auto* shard : service.shards) sum += read(shard->color[index_of(color)]);
  return sum;
}

void by_color(Exposition& out, const worker::StatsView& stats, const char* name, const char* help,
              const ReadColor& read, std::optional<double> rest = zero) {
  out.family(name, "counter", help, rest);
  for (const auto& service : stats.services) {
    for (const Color color : colors) {
      out.sample({{"service", service.name}, {"color", to_string(color)}},
                 sum_color(service, color, read));
    }
  }
}

void histogram_of(Exposition& out, const worker::StatsView::Service& service, Color color,
                  stats::Histogram stats::ColorStats::*member, config::MetricsHistograms kind) {
  Buckets sums{};
  std::uint64_t sum_us = 0;
  for (const auto* shard : service.shards) {
    const auto& histogram = shard->color[index_of(color)].*member;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += histogram.bucket(i);
    sum_us += histogram.sum_us();
  }
  histogram(out, {{"service", service.name}, {"color", to_string(color)}}, sums, sum_us, kind);
}

}  // namespace

void requests(Exposition& out, const worker::StatsView& stats) {
  static constexpr const char* codes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  // Those that a share of failures is made of are there from the start.
  static constexpr bool always[] = {false, false, true, false, false, true};
  out.family("switchback_requests_total", "counter",
             "Requests ended, by the color that got them and the class of the answer (none: no "
             "answer was sent).");
  for (const auto& service : stats.services) {
    for (const Color color : colors) {
      for (std::size_t c = 0; c < 6; ++c) {
        const std::uint64_t count =
            sum_color(service, color, [c](const auto& s) { return s.by_status_class[c].read(); });
        if (count == 0 && !always[c]) continue;
        out.sample({{"service", service.name}, {"color", to_string(color)}, {"code", codes[c]}},
                   count);
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
           [](const auto& s) { return s.connect_failures.read(); }, {});
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
    out.family(name, "counter", help, zero);
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

void paused_requests(Exposition& out, const worker::StatsView& stats) {
  out.family("switchback_paused_requests_total", "counter",
             "Requests that have waited at the door.", zero);
  for (const auto& service : stats.services) {
    std::uint64_t total = 0;
    for (const auto* shard : service.shards) total += shard->paused_total.read();
    out.sample({{"service", service.name}}, total);
  }
}

void histograms(Exposition& out, const worker::StatsView& stats, config::MetricsHistograms kind) {
  out.family("switchback_request_duration_seconds", histogram_type(kind),
             "From the request's complete head to its answer handed over.");
  for (const auto& service : stats.services) {
    for (const Color color : colors)
      histogram_of(out, service, color, &stats::ColorStats::total, kind);
  }
  out.family("switchback_first_byte_seconds", histogram_type(kind),
             "From the request's complete head to the head of its answer.");
  for (const auto& service : stats.services) {
    for (const Color color : colors)
      histogram_of(out, service, color, &stats::ColorStats::first_byte, kind);
  }
  out.family("switchback_queue_wait_seconds", histogram_type(kind),
             "How long requests waited for a connection to a server, however the wait ended.");
  for (const auto& service : stats.services) {
    for (const Color color : colors)
      histogram_of(out, service, color, &stats::ColorStats::queue_wait, kind);
  }
}

}  // namespace switchback::metrics
