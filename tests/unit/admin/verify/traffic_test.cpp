#include "admin/verify/traffic.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::verify;
using http::Reason;

namespace {

config::VerifyTraffic plan() {
  config::VerifyTraffic out;
  config::Stream error, auth, slow;
  error.name = "error";
  error.bad.status = {{500, 599}};
  error.bad.connect_fail = error.bad.reset = error.bad.timeout = true;
  auth.name = "auth";
  auth.bad.status = {{401, 401}, {403, 403}};
  slow.name = "slow";
  slow.bad.slow = true;
  out.streams = {error, auth, slow};
  return out;
}

stats::BadOutcome outcome(unsigned status, Reason reason = Reason::none, std::uint8_t client = 1,
                          std::string_view target = "/buy") {
  stats::BadOutcome out;
  out.status = static_cast<std::uint16_t>(status);
  out.reason = reason;
  out.client[10] = out.client[11] = 0xff;  // IPv4
  out.client[15] = client;
  out.set_target(target);
  return out;
}

TrafficSample sample(std::uint64_t requests, std::vector<stats::BadOutcome> bad) {
  TrafficSample out;
  out.requests = requests;
  out.bad = std::move(bad);
  return out;
}

}  // namespace

TEST_CASE("each stream counts its own outcomes") {
  TrafficRules rules(plan());
  const auto counts =
      rules.count(sample(100, {outcome(500), outcome(502, Reason::connect_refused), outcome(401),
                               outcome(200, Reason::response_truncated),
                               outcome(504, Reason::response_timeout)}),
                  1);
  CHECK(counts.streams[0].requests == 100);
  CHECK(counts.streams[0].bad == 4);
  CHECK(counts.streams[1].bad == 1);
}

TEST_CASE("what does not count leaves the requests too") {
  auto wanted = plan();
  wanted.ignore.paths = {"^/probe/"};
  TrafficRules rules(wanted);
  auto marked = outcome(500);
  marked.marked = true;
  const auto counts = rules.count(
      sample(100, {outcome(0, Reason::client_closed), outcome(500, Reason::none, 1, "/probe/x"),
                   marked, outcome(503, Reason::drain_forced), outcome(500)}),
      1);
  CHECK(counts.streams[0].requests == 96);
  CHECK(counts.streams[0].bad == 1);
  wanted.ignore.client_abort = false;
  TrafficRules strict(wanted);
  CHECK(strict.count(sample(10, {outcome(0, Reason::client_reset)}), 1).streams[0].bad == 1);
}

TEST_CASE("one broken client counts up to its cap a second") {
  auto wanted = plan();
  wanted.per_source_cap = 10;
  TrafficRules rules(wanted);
  std::vector<stats::BadOutcome> bad(50, outcome(500, Reason::none, 7));
  bad.push_back(outcome(500, Reason::none, 8));
  const auto first = rules.count(sample(100, bad), 1);
  CHECK(first.streams[0].bad == 11);
  CHECK(first.streams[0].requests == 60);
  // The same second goes on, a new one begins anew.
  CHECK(rules.count(sample(50, std::vector<stats::BadOutcome>(5, outcome(500, Reason::none, 7))), 1)
            .streams[0]
            .bad == 0);
  CHECK(rules.count(sample(50, std::vector<stats::BadOutcome>(5, outcome(500, Reason::none, 7))), 2)
            .streams[0]
            .bad == 5);
}

TEST_CASE("an IPv6 network is one client, two of them are two") {
  auto wanted = plan();
  wanted.per_source_cap = 10;
  TrafficRules rules(wanted);
  std::vector<stats::BadOutcome> bad;
  for (int i = 0; i < 100; ++i) {
    auto one = outcome(500, Reason::none, static_cast<std::uint8_t>(i));
    one.client = {0x20, 0x01, 0x0d, 0xb8};
    one.client[7] = i < 50 ? 1 : 2;  // the last byte of the network
    one.client[8] = one.client[15] = static_cast<std::uint8_t>(i);
    bad.push_back(one);
  }
  CHECK(rules.count(sample(200, bad), 1).streams[0].bad == 20);
}

TEST_CASE("what could not be written down is taken to be like what was") {
  TrafficRules rules(plan());
  TrafficSample given = sample(1000, {outcome(500), outcome(401)});
  given.lost = 2;
  const auto counts = rules.count(given, 1);
  CHECK(counts.streams[0].bad == 2);
  CHECK(counts.streams[1].bad == 2);
}

TEST_CASE("a baseline keeps its window and knows its 99th percentile") {
  Baseline baseline(120);
  TrafficCounts second;
  second.streams = {{100, 1}};
  second.latencies[10] = 99;
  second.latencies[50] = 1;
  for (int i = 0; i < 600; ++i) baseline.add(second, 1);
  const auto total = baseline.total();
  CHECK(total.streams[0].requests >= 12'000);
  CHECK(total.streams[0].requests <= 18'000);
  CHECK(Baseline::p99_bucket(total.latencies) == 10);
  CHECK(above(total.latencies, 10) == total.streams[0].requests / 100);
  CHECK(Baseline::p99_bucket(Latencies{}) == Latencies{}.size());
}

TEST_CASE("a stream's verdicts, and when it began to fail") {
  const auto p = plan();
  StreamWatch watch(p.streams[0], p, {100'000, 100}, 1);
  CHECK(watch.value() == StreamValue::inconclusive);
  std::int64_t wall = 1'000'000'000;
  for (int i = 0; i < 5; ++i, wall += 1'000'000) watch.second({500, 0}, wall);
  CHECK(watch.value() == StreamValue::healthy);
  CHECK_FALSE(watch.onset_wall_us());
  const auto onset = wall;
  for (int i = 0; i < 5; ++i, wall += 1'000'000) watch.second({500, 50}, wall);
  CHECK(watch.value() == StreamValue::regressed);
  CHECK(watch.onset_wall_us() == onset);
  CHECK(watch.bad_per_second() == Approx(25));

  // Worse than before, but clearly below what is tolerated (the bet on health is on a tenth of it).
  StreamWatch worse(p.streams[0], p, {10'000'000, 100}, 1);
  for (int i = 0; i < 60; ++i, wall += 1'000'000) worse.second({5000, 15}, wall);
  CHECK(worse.value() == StreamValue::degraded);

  // Too small a baseline proves nothing, whatever comes.
  StreamWatch blind(p.streams[0], p, {10, 0}, 1);
  for (int i = 0; i < 10; ++i) blind.second({500, 500}, wall);
  CHECK(blind.value() == StreamValue::inconclusive);

  // Health is said in the middle of a second, a regression is not.
  StreamWatch fresh(p.streams[0], p, {100'000, 100}, 1);
  CHECK(fresh.value({5000, 0}) == StreamValue::healthy);
  CHECK(fresh.value({5000, 5000}) == StreamValue::inconclusive);
}
