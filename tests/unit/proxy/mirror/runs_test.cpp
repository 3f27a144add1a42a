// When a run begins, and what of it is shown.
#include "proxy/mirror/runs.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using mirror::Runs;
using mirror::Setup;

namespace {

config::Service shop() {
  config::Service service;
  service.name = "shop";
  service.blue.release = "v1";
  service.green.release = "v2";
  service.blue.servers.push_back({{config::AddressKind::tcp, "a:1", "a", 1, ""}, 1});
  service.green.servers.push_back({{config::AddressKind::tcp, "b:1", "b", 1, ""}, 1});
  service.mirror.percent = 5;
  return service;
}

}  // namespace

TEST_CASE("a run goes on over reloads that do not change its question") {
  Runs runs(2);
  config::Service service = shop();
  const Setup first = runs.configure(service, {Color::blue, false, 7});
  REQUIRE(first.run);
  CHECK(first.run->target == Color::green);
  CHECK(first.run->epoch == 7);
  CHECK(first.run->shards.size() == 2);
  service.mirror.percent = 50;
  service.mirror.timeout = std::chrono::seconds(1);
  service.green.servers[0].weight = 9;
  service.blue.servers.clear();  // the active side may scale as it likes
  const Setup second = runs.configure(service, {Color::blue, false, 7});
  CHECK(second.run == first.run);
  CHECK(second.rules->percent == 50);
}

TEST_CASE("a new question begins a new run, and totals go on") {
  Runs runs(1);
  config::Service service = shop();
  const Setup first = runs.configure(service, {Color::blue, false, 7});
  SECTION("the standby's release") {
    service.green.release = "v3";
  }
  SECTION("the active release") {
    service.blue.release = "v1.1";
  }
  SECTION("the standby's servers") {
    service.green.servers[0].address.text = "c:1";
  }
  SECTION("what is compared") {
    service.mirror.headers = {"ETag"};
  }
  const Setup second = runs.configure(service, {Color::blue, false, 7});
  CHECK(second.run != first.run);
  CHECK(second.run->totals == first.run->totals);
  CHECK(second.run->since_wall_us >= first.run->since_wall_us);
}

TEST_CASE("a switch turns the run round") {
  Runs runs(1);
  const Setup first = runs.configure(shop(), {Color::blue, false, 7});
  const auto second = runs.switched("shop", {Color::green, false, 8});
  REQUIRE(second);
  CHECK(second != first.run);
  CHECK(second->target == Color::blue);
  CHECK(runs.view("shop", 1)->epoch == 8);
  CHECK(runs.switched("nobody", {Color::green, false, 8}) == nullptr);
}

TEST_CASE("switched off there is no run, and nothing but totals to see") {
  Runs runs(1);
  config::Service service = shop();
  const Setup on = runs.configure(service, {Color::blue, false, 7});
  on.run->totals->shards[0].target[1].copies.add(3);
  service.mirror.percent = 0;
  const Setup off = runs.configure(service, {Color::blue, false, 7});
  CHECK_FALSE(off.rules);
  CHECK_FALSE(off.run);
  CHECK(runs.switched("shop", {Color::green, false, 8}) == nullptr);
  CHECK(runs.view("shop", 1)->percent == 0);
  CHECK(runs.view("shop", 1)->totals[1].copies == 3);
  CHECK_FALSE(runs.view("other", 1));
  service.mirror.percent = 1;
  CHECK(runs.configure(service, {Color::blue, false, 7}).run != on.run);
}

TEST_CASE("a view adds the workers up and shows the newest samples first") {
  Runs runs(3);
  const Setup setup = runs.configure(shop(), {Color::blue, false, 1});
  for (std::size_t worker = 0; worker < 3; ++worker) {
    mirror::Shard& shard = setup.run->shards[worker];
    shard.counts.sampled.add(10);
    shard.counts.ended[0].add(4);
    shard.counts.ended[1].add(1);
    shard.header_differs[1].add(worker);
    for (int i = 0; i < 100; ++i) shard.counts.latency[1].record(1'000'000 * (i + 1));
    mirror::Sample sample{};
    sample.wall_us = static_cast<std::int64_t>(100 + worker);
    shard.samples.push(sample);
  }
  const mirror::View view = *runs.view("shop", 2);
  CHECK(view.run.sampled == 30);
  CHECK(view.run.compared() == 15);
  CHECK(view.headers.at(1) == std::pair<std::string, std::uint64_t>("Location", 3));
  CHECK(view.run.latency[1].count() == 300);
  CHECK(view.run.latency[0].percentile_us(0.5) == 0);
  const std::uint64_t p99 = view.run.latency[1].percentile_us(0.99);
  CHECK((p99 >= 99'000 && p99 <= 112'000));
  const std::uint64_t p50 = view.run.latency[1].percentile_us(0.5);
  CHECK((p50 >= 50'000 && p50 <= 57'000));
  REQUIRE(view.samples.size() == 2);
  CHECK(view.samples[0].wall_us == 102);
}
