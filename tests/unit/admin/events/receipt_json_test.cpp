#include "admin/events/receipt_json.hpp"

#include <boost/json.hpp>

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::events;
namespace json = boost::json;

namespace {

Receipt example() {
  Receipt r;
  r.flip = "01JD8XYZABCDEFGHJKMNPQRSTV";
  r.kind = FlipKind::rollback;
  r.service = "shop";
  r.from = Color::green;
  r.to = Color::blue;
  r.from_release = "v1.3";
  r.to_release = "v1.2";
  r.epoch = 43;
  r.actor = "uid 0 (root)";
  r.auth = "peer";
  r.reason = "tab\t\"quote\"";
  r.state = FlipState::draining;
  r.moved = true;
  r.stages_ms.decided = 0.2004;
  r.stages_ms.switched = 1.5;
  r.counts[0].accepted = 10;
  r.counts[0].ended = {4, 1, 1, 1, 1};
  r.counts[0].retried = 3;
  r.counts[2].accepted = 1;
  r.warnings = {"one", "two"};
  r.wall_us = 1'795'362'083'042'000;
  return r;
}

}  // namespace

TEST_CASE("a receipt has the shape of the contract") {
  const auto o = receipt_object(example());
  CHECK(o.at("flip") == "01JD8XYZABCDEFGHJKMNPQRSTV");
  CHECK(o.at("kind") == "rollback");
  CHECK(o.at("service") == "shop");
  CHECK(o.at("from") == "green");
  CHECK(o.at("to") == "blue");
  CHECK(o.at("from_release") == "v1.3");
  CHECK(o.at("to_release") == "v1.2");
  CHECK(o.at("epoch").to_number<int>() == 43);
  CHECK(o.at("actor") == "uid 0 (root)");
  CHECK(o.at("reason") == "tab\t\"quote\"");
  CHECK(o.at("state") == "draining");
  CHECK(o.at("moved") == true);
  CHECK(o.at("already") == false);
  CHECK(o.at("durable") == true);
  CHECK(o.at("at") == "2026-11-22T15:41:23.042Z");
  CHECK(o.at("warnings") == json::array{"one", "two"});
  CHECK_FALSE(o.contains("forced"));
  CHECK_FALSE(o.contains("superseded"));
  CHECK_FALSE(o.contains("lagging_workers"));
}

TEST_CASE("stages that were not reached are left out, the others are in microseconds") {
  const auto stages = receipt_object(example()).at("stages_ms").as_object();
  CHECK(stages.size() == 2);
  CHECK(stages.at("decided").as_double() == 0.2);
  CHECK(stages.at("switched").as_double() == 1.5);
}

TEST_CASE("counts name every class and every end, and add up") {
  const auto counts = receipt_object(example()).at("counts").as_object();
  CHECK(counts.size() == 3);
  for (const char* name : {"request", "stream", "tunnel"}) {
    const auto& row = counts.at(name).as_object();
    CHECK(row.size() == 8);
    std::uint64_t ended = 0;
    for (const char* end : {"completed", "failed", "client_gone", "moved", "forced", "in_flight"})
      ended += row.at(end).to_number<std::uint64_t>();
    CHECK(row.at("accepted").to_number<std::uint64_t>() == ended);
  }
  CHECK(counts.at("request").at("in_flight").to_number<int>() == 2);
  CHECK(counts.at("request").at("retried").to_number<int>() == 3);
}

TEST_CASE("what is exceptional is said") {
  auto r = example();
  r.forced = r.superseded = true;
  r.lagging_workers = {1, 3};
  const auto o = receipt_object(r);
  CHECK(o.at("forced") == true);
  CHECK(o.at("superseded") == true);
  CHECK(json::serialize(o.at("lagging_workers")) == "[1,3]");
}

TEST_CASE("a receipt comes back from its JSON") {
  auto r = example();
  r.forced = r.superseded = r.already = true;
  r.durable = false;
  r.lagging_workers = {2};
  r.stages_ms = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7};
  const auto text = receipt_json(r);
  CHECK(text.find('\n') == std::string::npos);
  const auto back = receipt_from_json(text);
  REQUIRE(back);
  CHECK(receipt_json(*back) == text);
  CHECK(back->wall_us == r.wall_us);
  CHECK(back->counts[0].ended == r.counts[0].ended);
}

TEST_CASE("what is no receipt is none, what is missing keeps its default") {
  CHECK_FALSE(receipt_from_json(""));
  CHECK_FALSE(receipt_from_json("[]"));
  CHECK_FALSE(receipt_from_json("{\"status\":409}"));
  const auto bare = receipt_from_json(R"({"flip":"x","service":"s","epoch":"many","counts":7})");
  REQUIRE(bare);
  CHECK(bare->epoch == 0);
  CHECK(bare->durable);
}

TEST_CASE("kinds and states have their names") {
  CHECK(to_string(FlipKind::promote) == "promote");
  CHECK(to_string(FlipKind::auto_rollback) == "auto_rollback");
  CHECK(to_string(FlipState::switching) == "switching");
  CHECK(to_string(FlipState::regressed) == "regressed");
}
