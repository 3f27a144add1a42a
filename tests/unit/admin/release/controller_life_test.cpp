// Around a switch: its drain, its receipt later on, repeated calls, events, pauses, history.
#include <boost/json.hpp>
#include <cmath>

#include "tests/unit/admin/release/controller_world.hpp"

using namespace switchback;
using namespace switchback::release;
using namespace switchback::release::test;
namespace json = boost::json;

TEST_CASE("a receipt follows the drain until the last request has ended") {
  World w;
  w.plane->left_in_flight = 3;
  const auto answered = w.promote("green").receipt();
  CHECK(answered.state == FlipState::switched);
  CHECK(answered.counts[0].accepted == 6);
  auto live = *w.controller->flip(answered.flip);
  CHECK(live.state == FlipState::draining);
  CHECK(live.counts[0].in_flight() == 6);
  CHECK_FALSE(live.stages_ms.drained);
  w.plane->end_requests(0, 0);
  live = *w.controller->last_flip("shop");
  CHECK(live.counts[0].in_flight() == 3);
  CHECK_FALSE(live.stages_ms.last_old);
  w.plane->end_requests(0, 1);
  w.run_until([&] { return w.count_events("flip.drained") == 1; });
  live = *w.controller->flip(answered.flip);
  CHECK(live.state == FlipState::drained);
  CHECK(live.counts[0].ended[0] == 6);
  REQUIRE((live.stages_ms.last_old && live.stages_ms.drained));
  CHECK(*live.stages_ms.drained >= *live.stages_ms.switched);
  w.restart();
  const auto recorded = w.controller->flip(answered.flip);
  REQUIRE(recorded);
  CHECK(recorded->state == FlipState::drained);
  CHECK(recorded->counts[0].ended[0] == 6);
  CHECK(std::abs(*recorded->stages_ms.drained - *live.stages_ms.drained) <= 0.001);
}

TEST_CASE("wait=drained answers when the last request has ended, wait=verified at the switch") {
  World w;
  w.plane->left_in_flight = 1;
  auto drained = World::request("green", "the-key");
  drained.wait = Wait::drained;
  auto pending = w.begin_promote(drained);
  auto joined = World::request("green", "the-key");
  joined.wait = Wait::verified;
  auto quick = w.begin_promote(joined);
  w.finish(quick);
  CHECK(quick.receipt().state == FlipState::switched);
  CHECK_FALSE(pending.has());
  w.plane->end_requests(0, 0);
  w.plane->end_requests(0, 1);
  w.finish(pending);
  CHECK(pending.receipt().state == FlipState::drained);
  CHECK(pending.receipt().counts[0].in_flight() == 0);
}

TEST_CASE("a switch that overtakes a drain lets its waiters go and both go on counting") {
  World w;
  w.plane->left_in_flight = 1;
  auto request = World::request("green");
  request.wait = Wait::drained;
  auto pending = w.begin_promote(request);
  w.run_until([&] { return w.count_events("flip.switched") == 1; });
  CHECK_FALSE(pending.has());
  const auto rollback = w.rollback().receipt();
  w.finish(pending);
  CHECK(pending.receipt().superseded);
  CHECK_FALSE(rollback.superseded);
  for (unsigned worker : {0u, 1u}) {
    w.plane->end_requests(0, worker);
    w.plane->end_requests(1, worker);
  }
  w.run_until([&] { return w.count_events("flip.drained") == 2; });
  const auto first = *w.controller->flip(pending.receipt().flip);
  CHECK(first.superseded);
  CHECK(first.state == FlipState::drained);
  CHECK(first.counts[0].ended[0] == 2);
}

TEST_CASE("a repeated key joins the running call and replays the finished one") {
  World w;
  w.disk->set(true, false);
  auto a = w.begin_promote(World::request("green", "k1"));
  auto b = w.begin_promote(World::request("green", "k1"));
  auto other = w.begin_promote(World::request("blue", "k1"));
  CHECK(other.problem().code == "idempotency_key_reused");
  CHECK(other.problem().status == 422);
  CHECK(other.problem().exit_code == 2);
  w.disk->set(false, false);
  w.finish(a);
  w.finish(b);
  CHECK(a.receipt().flip == b.receipt().flip);
  CHECK(w.plane->records.size() == 1);
  w.rollback();
  const auto replay = w.promote(World::request("green", "k1")).receipt();
  CHECK(replay.flip == a.receipt().flip);
  CHECK(replay.moved);
  CHECK(w.active() == Color::blue);  // a replay never moves traffic
  CHECK(w.rollback(World::request("", "k1")).problem().code == "idempotency_key_reused");
  auto stranger = World::request("green", "k1");
  stranger.actor.name = "token ci";
  CHECK(w.promote(stranger).receipt().flip != a.receipt().flip);  // keys are each one's own
}

TEST_CASE("refusals are replayed too, and keys outlive a restart") {
  World w;
  CHECK(w.rollback(World::request("", "r1")).problem().code == "nothing_to_roll_back_to");
  const auto flip = w.promote(World::request("green", "p1")).receipt();
  w.restart();
  const auto refused = w.rollback(World::request("", "r1")).problem();
  CHECK(refused.code == "nothing_to_roll_back_to");
  CHECK(refused.exit_code == 22);
  CHECK(refused.status == 409);
  CHECK_FALSE(refused.next.empty());
  CHECK(w.rollback().receipt().moved);
  const auto replay = w.promote(World::request("green", "p1")).receipt();
  CHECK(replay.flip == flip.flip);
  CHECK(w.active() == Color::blue);
}

TEST_CASE("keys are forgotten after their time and beyond their number") {
  ControllerOptions options;
  options.idempotency_kept = 2;
  World w(options);
  const auto first = w.promote(World::request("green", "k1")).receipt();
  w.promote(World::request("green", "k2"));
  w.promote(World::request("green", "k3"));
  CHECK(w.promote(World::request("green", "k1")).receipt().already);
  CHECK(w.plane->records.size() == 1);

  ControllerOptions brief;
  brief.idempotency_ttl = 0ms;
  World v(brief);
  v.promote(World::request("green", "k1"));
  CHECK(v.promote(World::request("green", "k1")).receipt().already);
}

TEST_CASE("events tell a flip from start to end, in order") {
  World w;
  w.plane->left_in_flight = 1;
  auto pending = w.promote(World::request("green"));
  auto& shard = w.plane->records[0]->shards[0];
  shard.first_new_ns = monotonic_ns();
  w.plane->observer->switch_progressed(w.plane->records[0]);
  w.plane->observer->switch_progressed(w.plane->records[0]);
  w.plane->end_requests(0, 0);
  w.plane->end_requests(0, 1);
  w.run_until([&] { return w.count_events("flip.drained") == 1; });
  CHECK(w.event_types() == std::vector<std::string>{"flip.started", "flip.switched",
                                                    "flip.first_new", "flip.last_old",
                                                    "flip.drained"});
  for (std::size_t i = 1; i < w.events.size(); ++i) CHECK(w.events[i].id == w.events[i - 1].id + 1);
  const auto body = json::parse(w.last_event("flip.drained")->json).as_object();
  CHECK(body.at("flip") == json::string(pending.receipt().flip));
  CHECK(body.at("state") == "drained");
  CHECK(w.events.back().json.find('\n') == std::string::npos);

  // Somebody who comes back hears what they missed.
  std::vector<std::string> missed;
  w.board->stream.subscribe(w.events[2].id,
                            [&](const events::Event& e) { missed.push_back(e.type()); });
  CHECK(missed == std::vector<std::string>{"flip.last_old", "flip.drained"});
  const auto last_id = w.events.back().id;
  w.restart();
  w.promote("blue");
  CHECK(w.events.front().id > last_id);
}

TEST_CASE("a quiet service's first answer is told after its drain") {
  World w;
  auto pending = w.promote("green");
  w.run_until([&] { return w.count_events("flip.drained") == 1; });
  CHECK_FALSE(w.controller->flip(pending.receipt().flip)->stages_ms.first_new);
  auto& shard = w.plane->records[0]->shards[0];
  shard.first_new_ns = monotonic_ns();
  w.plane->observer->switch_progressed(w.plane->records[0]);
  w.run_until([&] { return w.count_events("flip.first_new") == 1; });
  CHECK(w.controller->flip(pending.receipt().flip)->stages_ms.first_new);
  CHECK(w.count_events("flip.drained") == 1);
  CHECK(w.controller->flip(pending.receipt().flip)->state == FlipState::drained);
}

TEST_CASE("health changes, refusals and reloads are events") {
  World w;
  w.plane->observer->health_changed({"shop", Color::green, "127.0.0.1:9101",
                                     upstream::Health::healthy, upstream::Health::failing,
                                     "status 500"});
  w.poll();
  REQUIRE(w.last_event("health"));
  const auto health = json::parse(w.last_event("health")->json).as_object();
  CHECK(health.at("color") == "green");
  CHECK(health.at("to") == "failing");
  CHECK(health.at("reason") == "status 500");
  w.rollback();
  const auto refused = json::parse(w.last_event("flip.refused")->json).as_object();
  CHECK(refused.at("code") == "nothing_to_roll_back_to");
  CHECK(refused.at("moved") == false);
  w.controller->reloaded(true, "shop: timeouts");
  CHECK(json::parse(w.last_event("reload")->json).at("adopted") == true);
  w.board->alarms.raise("no_files", "out of file descriptors");
  CHECK(w.alarm("no_files"));
  w.board->alarms.clear("no_files");
  CHECK_FALSE(w.alarm("no_files"));
}

TEST_CASE("a pause has bounds, ends by itself, and both ends are events") {
  World w;
  const Actor actor{"uid 0 (root)", "peer", config::Role::admin};
  CHECK(w.controller->pause("nobody", 1s, actor)->code == "unknown_service");
  CHECK(w.controller->pause("shop", 0ms, actor)->code == "bad_max");
  CHECK(w.controller->pause("shop", 601s, actor)->status == 422);
  CHECK_FALSE(w.plane->views["shop"].paused);
  REQUIRE_FALSE(w.controller->pause("shop", 1ms, actor));
  CHECK(w.plane->views["shop"].paused);
  w.run_until([&] { return !w.plane->views["shop"].paused; });
  CHECK(w.event_types() == std::vector<std::string>{"paused", "resumed"});
  CHECK(json::parse(w.last_event("resumed")->json).at("auth") == "internal");

  // A second pause sets the time anew; resume ends it, and twice is no error.
  REQUIRE_FALSE(w.controller->pause("shop", 1ms, actor));
  REQUIRE_FALSE(w.controller->pause("shop", 10min, actor));
  w.io.restart();
  while (w.io.poll_one()) {
  }
  CHECK(w.plane->views["shop"].paused);
  REQUIRE_FALSE(w.controller->resume("shop", actor));
  REQUIRE_FALSE(w.controller->resume("shop", actor));
  CHECK_FALSE(w.plane->views["shop"].paused);
  CHECK(w.count_events("resumed") == 2);
  CHECK(w.controller->resume("nobody", actor)->code == "unknown_service");
}

TEST_CASE("a flip goes through while the door is shut") {
  World w;
  REQUIRE_FALSE(w.controller->pause("shop", 10min, {}));
  CHECK(w.promote("green").receipt().moved);
  CHECK(w.plane->views["shop"].paused);
}

TEST_CASE("history is newest first, bounded in memory, and one service's or all's") {
  ControllerOptions options;
  options.history_per_service = 3;
  World w(options, {"shop", "cart"});
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(w.promote(i % 2 ? "blue" : "green").receipt().flip);
  auto cart = World::request("green");
  cart.service = "cart";
  const auto cart_id = w.promote(cart).receipt().flip;
  const auto shop = w.controller->history("shop", 10);
  REQUIRE(shop.size() == 3);
  CHECK(shop[0].flip == ids[4]);
  CHECK(shop[2].flip == ids[2]);
  CHECK_FALSE(w.controller->flip(ids[0]));
  const auto all = w.controller->history("", 2);
  REQUIRE(all.size() == 2);
  CHECK(all[0].flip == cart_id);
  CHECK(all[1].flip == ids[4]);
  CHECK(w.controller->last_flip("cart")->flip == cart_id);
  CHECK_FALSE(w.controller->last_flip("nobody"));
  CHECK(w.controller->history("nobody", 5).empty());
}

TEST_CASE("history comes back at a start, and a drain that died is said") {
  World w;
  w.plane->left_in_flight = 1;
  const auto flip = w.promote("green").receipt();
  w.restart();
  const auto back = w.controller->flip(flip.flip);
  REQUIRE(back);
  CHECK(back->state == FlipState::switched);
  CHECK(back->actor == "uid 0 (root)");
  REQUIRE(back->warnings.size() == 1);
  CHECK_THAT(back->warnings[0], ContainsSubstring("ended before the drain did"));
  CHECK(back->wall_us == flip.wall_us);
  CHECK(w.rollback().receipt().epoch == 3);
}

TEST_CASE("services are switched side by side") {
  World w({}, {"shop", "cart"});
  w.disk->set(true, false);
  auto shop = w.begin_promote(World::request("green"));
  auto request = World::request("green");
  request.service = "cart";
  auto cart = w.begin_promote(request);
  w.disk->set(false, false);
  w.finish(shop);
  w.finish(cart);
  CHECK(shop.receipt().epoch == 2);
  CHECK(cart.receipt().epoch == 2);
}
