#include "admin/metrics/collect.hpp"

#include <map>
#include <set>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/unit/admin/api/fakes.hpp"

namespace switchback {
namespace {

struct Metrics {
  Metrics() : shards(2) {
    for (auto& worker : workers) plane.stats_view.workers.push_back(&worker);
    plane.stats_view.services.push_back({"shop", {&shards[0], &shards[1]}});
  }
  std::string text() const {
    return metrics::prometheus_text(plane, controller, admin, shown, &moved);
  }
  // Value by the whole name with its labels; the test fails where a line is there twice.
  std::map<std::string, double> samples() const {
    std::map<std::string, double> out;
    std::istringstream lines(text());
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line[0] == '#') continue;
      const auto space = line.rfind(' ');
      INFO(line);
      CHECK(out.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second);
    }
    return out;
  }

  test::FakePlane plane;
  test::FakeController controller;
  metrics::AdminCounts admin;
  config::Metrics shown;
  mutable metrics::Moved moved;
  std::array<stats::WorkerStats, 2> workers;
  std::vector<stats::ServiceStats> shards;
};

TEST_CASE("counters are summed over workers") {
  Metrics m;
  for (auto& shard : m.shards) {
    shard.color[0].by_status_class[2].add(5);
    shard.color[1].by_status_class[5].add(1);
    shard.color[0].by_status_class[0].add(2);
    shard.color[0].retries.add(3);
    shard.paused_total.add(4);
    shard.color[1].tunnels.begun.add(6);
    shard.color[1].tunnels.closes_sent[0].add(5);
    shard.color[1].tunnels.closes_answered[1].add(4);
    shard.color[1].tunnels.cut.add(2);
    shard.color[1].tunnels.not_followed.add(1);
  }
  for (auto& worker : m.workers) {
    worker.connections.add(10);
    worker.open_connections.add(3);
    worker.access_dropped.add(1);
    worker.reasons[static_cast<std::size_t>(http::Reason::connect_refused)].add(7);
  }
  const auto s = m.samples();
  CHECK(s.at("switchback_requests_total{service=\"shop\",color=\"blue\",code=\"2xx\"}") == 10);
  CHECK(s.at("switchback_requests_total{service=\"shop\",color=\"blue\",code=\"none\"}") == 4);
  CHECK(s.at("switchback_requests_total{service=\"shop\",color=\"green\",code=\"5xx\"}") == 2);
  CHECK(s.at("switchback_retries_total{service=\"shop\",color=\"blue\"}") == 6);
  CHECK(s.at("switchback_paused_requests_total{service=\"shop\"}") == 8);
  const std::string green = "{service=\"shop\",color=\"green\"";
  CHECK(s.at("switchback_tunnels_total" + green + "}") == 12);
  CHECK(s.at("switchback_tunnel_closes_sent_total" + green + ",side=\"client\"}") == 10);
  CHECK(s.at("switchback_tunnel_closes_answered_total" + green + ",side=\"server\"}") == 8);
  CHECK(s.at("switchback_tunnels_cut_total" + green + "}") == 4);
  CHECK(s.at("switchback_tunnel_violations_total" + green + "}") == 2);
  CHECK(s.at("switchback_connections_total") == 20);
  CHECK(s.at("switchback_connections") == 6);
  CHECK(s.at("switchback_access_records_dropped_total") == 2);
  CHECK(s.at("switchback_reasons_total{reason=\"connect_refused\"}") == 14);
}

TEST_CASE("histograms: cumulative, exact at their bounds, nothing lost at the ends") {
  Metrics m;
  auto& total = m.shards[0].color[0].total;
  total.record(63'000);                                // 63 µs: under the first bound
  total.record(64'000);                                // 64 µs: over it
  m.shards[1].color[0].total.record(1'000'000);        // 1 ms
  m.shards[1].color[0].total.record(500'000'000'000);  // 500 s, over the last bound
  const auto s = m.samples();
  const auto bucket = [&](const std::string& le) {
    return s.at("switchback_request_duration_seconds_bucket{service=\"shop\",color=\"blue\",le=\"" +
                le + "\"}");
  };
  const auto bound = [](std::uint64_t us) {
    std::ostringstream text;
    text << static_cast<double>(us) / 1e6;
    return text.str();
  };
  CHECK(bucket("6.4e-05") == 1);
  CHECK(bucket(bound(128)) == 2);
  CHECK(bucket(bound(1024)) == 3);
  CHECK(bucket("67.108864") == 3);
  CHECK(bucket("+Inf") == 4);
  CHECK(s.at("switchback_request_duration_seconds_count{service=\"shop\",color=\"blue\"}") == 4);
  const double sum =
      s.at("switchback_request_duration_seconds_sum{service=\"shop\",color=\"blue\"}");
  CHECK((sum > 500.0011269 && sum < 500.0011271));
  CHECK(s.count("switchback_request_duration_seconds_count{service=\"shop\",color=\"green\"}") ==
        0);
}

TEST_CASE("what the views and the controller say") {
  Metrics m;
  m.controller.receipts = {test::example_receipt()};
  m.controller.target = Color::blue;
  m.admin.alarms = {"ledger_unwritable"};
  m.admin.flips[{"shop", "promote"}] = 9;
  m.admin.auth_limited = 3;
  const auto s = m.samples();
  CHECK(s.at("switchback_active{service=\"shop\",color=\"blue\"}") == 1);
  CHECK(s.at("switchback_active{service=\"shop\",color=\"green\"}") == 0);
  CHECK(s.at("switchback_epoch{service=\"shop\"}") == 42);
  CHECK(s.at("switchback_rollback_target{service=\"shop\"}") == 1);
  CHECK(s.at("switchback_in_flight{service=\"shop\",color=\"blue\",class=\"stream\"}") == 2);
  CHECK(s.at("switchback_server_up{service=\"shop\",color=\"blue\",server=\"127.0.0.1:9001\"}") ==
        1);
  CHECK(
      s.at(
          "switchback_server_health{service=\"shop\",color=\"green\",server=\"127.0.0.1:9101\"}") ==
      2);
  CHECK(s.at("switchback_flips_total{service=\"shop\",kind=\"promote\"}") == 9);
  CHECK(s.at("switchback_last_flip_stage_seconds{service=\"shop\",stage=\"switched\"}") == 0.0005);
  CHECK(s.count("switchback_last_flip_stage_seconds{service=\"shop\",stage=\"drained\"}") == 0);
  CHECK(s.at("switchback_last_flip_timestamp_seconds{service=\"shop\"}") == 1.7e9);
  CHECK(s.at("switchback_alarm{code=\"ledger_unwritable\"}") == 1);
  CHECK(s.at("switchback_admin_refused_total{why=\"limited\"}") == 3);
  CHECK(s.at("switchback_build_info{version=\"" SWITCHBACK_VERSION "\"}") == 1);
  CHECK(s.at("process_resident_memory_bytes") > 1e6);
}

TEST_CASE("each family is declared once, before its samples") {
  Metrics m;
  m.controller.receipts = {test::example_receipt()};
  std::set<std::string> declared;
  std::string current;
  std::istringstream lines(m.text());
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    if (line.rfind("# TYPE ", 0) == 0) {
      current = line.substr(7, line.find(' ', 7) - 7);
      CHECK(declared.insert(current).second);
    } else if (line.rfind("# HELP ", 0) != 0) {
      CHECK(line.rfind(current, 0) == 0);
    }
  }
  CHECK(declared.size() > 40);
}

TEST_CASE("what has never moved is left out, but for what alerts are made of") {
  Metrics m;
  const auto s = m.samples();
  const std::string shop = "{service=\"shop\"";
  for (const char* color : {"blue", "green"}) {
    const std::string of = shop + ",color=\"" + color + "\"";
    CHECK(s.at("switchback_requests_total" + of + ",code=\"2xx\"}") == 0);
    CHECK(s.at("switchback_requests_total" + of + ",code=\"5xx\"}") == 0);
    CHECK(s.at("switchback_server_connect_failures_total" + of + "}") == 0);
    CHECK(s.count("switchback_requests_total" + of + ",code=\"4xx\"}") == 0);
    for (const char* name : {"requests_begun", "retries", "queued_requests", "tunnels",
                             "request_body_bytes", "tunnel_violations"}) {
      INFO(name);
      CHECK(s.count("switchback_" + std::string(name) + "_total" + of + "}") == 0);
    }
  }
  CHECK(s.at("switchback_flips_total" + shop + ",kind=\"promote\"}") == 0);
  CHECK(s.at("switchback_flips_total" + shop + ",kind=\"rollback\"}") == 0);
  CHECK(s.count("switchback_paused_requests_total" + shop + "}") == 0);
  CHECK(s.at("switchback_reasons_total{reason=\"rate_limited\"}") == 0);
  for (const auto& [series, value] : s) {
    INFO(series);
    CHECK(series.find("_bucket") == std::string::npos);
  }
}

TEST_CASE("every family is declared, whether it has a series or not") {
  Metrics m;
  const auto text = m.text();
  for (const char* name : {"switchback_tunnels_cut_total", "switchback_queue_wait_seconds",
                           "switchback_server_ejected", "switchback_paused"}) {
    CHECK_THAT(text, ContainsSubstring("# TYPE " + std::string(name) + " "));
    CHECK_THAT(text, ContainsSubstring("# HELP " + std::string(name) + " "));
  }
}

TEST_CASE("a gauge that was seen to move stays when it is back at rest") {
  Metrics m;
  const std::string paused = "switchback_paused{service=\"shop\"}";
  m.plane.views[0].paused = false;
  CHECK(m.samples().count(paused) == 0);
  m.plane.views[0].paused = true;
  CHECK(m.samples().at(paused) == 1);
  m.plane.views[0].paused = false;
  CHECK(m.samples().at(paused) == 0);
}

TEST_CASE("admin.metrics.servers: false leaves out every single server") {
  Metrics m;
  CHECK_THAT(m.text(), ContainsSubstring("server=\"127.0.0.1:9001\""));
  m.shown.servers = false;
  CHECK(m.text().find("server=\"") == std::string::npos);
}

TEST_CASE("admin.metrics.histograms: full, coarse, off") {
  Metrics m;
  m.shards[0].color[0].total.record(1'000'000);  // 1 ms
  const auto buckets = [&] {
    std::size_t count = 0;
    for (const auto& [series, value] : m.samples())
      count += series.find("switchback_request_duration_seconds_bucket") == 0;
    return count;
  };
  const std::string of = "{service=\"shop\",color=\"blue\"}";
  CHECK(buckets() == 22);
  m.shown.histograms = config::MetricsHistograms::coarse;
  CHECK(buckets() == 8);
  const auto coarse = m.samples();
  const std::string le =
      "switchback_request_duration_seconds_bucket{service=\"shop\",color=\"blue\",le=";
  CHECK(coarse.at(le + "\"0.000512\"}") == 0);
  CHECK(coarse.at(le + "\"0.004096\"}") == 1);
  CHECK(coarse.at(le + "\"+Inf\"}") == 1);
  m.shown.histograms = config::MetricsHistograms::off;
  CHECK(buckets() == 0);
  CHECK(m.samples().at("switchback_request_duration_seconds_count" + of) == 1);
  CHECK(m.samples().at("switchback_request_duration_seconds_sum" + of) == 0.001);
  CHECK_THAT(m.text(), ContainsSubstring("# TYPE switchback_request_duration_seconds summary\n"));
}

}  // namespace
}  // namespace switchback
