// The name of each event and its members, byte for byte: what scripts read must not change.
#include "admin/events/event.hpp"
#include "admin/events/receipt_json.hpp"
#include "tests/support/catch.hpp"

namespace switchback::events {
namespace {

constexpr std::int64_t at = 1'700'000'000'000'000;  // 2023-11-14T22:13:20.000Z

std::string line(Body body) {
  const Event event(1, std::move(body), at);
  return event.type() + " " + event.json();
}

Release release(ReleaseState state) {
  Release out;
  out.service = "shop";
  out.version = "v1.3";
  out.state = state;
  out.registered_wall_us = out.changed_wall_us = at;
  return out;
}

TEST_CASE("events of the door, of servers and of the process have their lines") {
  CHECK(
      line(FlipRefused{"shop", FlipKind::rollback, "held", "It is held", "by li", false, "dana"}) ==
      R"(flip.refused {"service":"shop","kind":"rollback","code":"held","title":"It is held",)"
      R"("detail":"by li","moved":false,"actor":"dana"})");
  CHECK(line(Paused{"shop", 1000, "dana", "peer"}) ==
        R"(paused {"service":"shop","max_ms":1000,"actor":"dana","auth":"peer",)"
        R"("at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(Resumed{"shop", "dana", "peer", 7}) ==
        R"(resumed {"service":"shop","actor":"dana","auth":"peer","waited":7,)"
        R"("at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(Reloaded{true, "x"}) ==
        R"(reload {"adopted":true,"text":"x","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(AlarmRaised{"c", "t", at + 1'000'000}) ==
        R"(alarm {"code":"c","text":"t","at":"2023-11-14T22:13:21.000Z"})");
  CHECK(line(AlarmCleared{"c"}) == R"(alarm.cleared {"code":"c","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(
      line(HealthChanged{"shop", Color::green, "a:1", "healthy", "failing", "500"}) ==
      R"(health {"service":"shop","color":"green","server":"a:1","from":"healthy","to":"failing",)"
      R"("reason":"500","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(PanicChanged{"shop", Color::blue, true, 0, 2, 3}) ==
        R"(panic {"service":"shop","color":"blue","panic":true,"usable":0,"failing":2,"servers":3,)"
        R"("at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(ServerEjected{"shop", Color::blue, "a:1", 5, "reset", 30'000}) ==
        R"(ejection {"service":"shop","color":"blue","server":"a:1","failures":5,"last":"reset",)"
        R"("for_ms":30000,"at":"2023-11-14T22:13:20.000Z"})");
}

TEST_CASE("events of releases, holds, bakes, readiness and the chain have their lines") {
  CHECK(line(ReleaseMoved{release(ReleaseState::staged), ReleaseState::registered, "why"}) ==
        R"(release.staged {"service":"shop","version":"v1.3","state":"staged","color":null,)"
        R"("registered":"2023-11-14T22:13:20.000Z","changed":"2023-11-14T22:13:20.000Z",)"
        R"("from_state":"registered","why":"why","at":"2023-11-14T22:13:20.000Z"})");
  CHECK_THAT(line(ReleaseMoved{release(ReleaseState::staged), std::nullopt, ""}),
             ContainsSubstring("release.registered ") && ContainsSubstring(R"("state":"staged")") &&
                 ContainsSubstring(R"("from_state":null)"));
  CHECK(line(ReleaseAsked{"shop", "v1.3", "retire", "dana", "peer", {"w"}}) ==
        R"(release.change {"service":"shop","version":"v1.3","action":"retire","actor":"dana",)"
        R"("auth":"peer","warnings":["w"],"at":"2023-11-14T22:13:20.000Z"})");
  CHECK(
      line(HoldChanged{HoldStep::placed, {.service = "shop", .placed_wall_us = at}}) ==
      R"(hold.placed {"service":"shop","placed":"2023-11-14T22:13:20.000Z","actor":"",)"
      R"("reason":"","until":null,"lifted":null,"lifted_by":"","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(BakeStepped{BakeStep::would_go_back, "shop", "01J", "v1.3", Color::green, "x"}) ==
        R"(bake.would_go_back {"service":"shop","flip":"01J","release":"v1.3","color":"green",)"
        R"("text":"x","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(VerdictReached{"shop", {{"value", "SHARED"}}}) ==
        R"(verdict {"value":"SHARED","service":"shop","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(ReadinessChanged{"shop", false, "NOT READY", "how", "no"}) ==
        R"(readiness {"service":"shop","overall":"NOT READY","question":"how","reason":"no",)"
        R"("at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(RehearsalFailed{"shop", "disk"}) ==
        R"(null_flip.failed {"service":"shop","fault":"disk","at":"2023-11-14T22:13:20.000Z"})");
  CHECK(line(AuditAnchored{9, "ab"}) ==
        R"(audit.anchor {"seq":9,"hash":"ab","at":"2023-11-14T22:13:20.000Z"})");
}

TEST_CASE("a flip's event is its receipt; copies of an event share the one JSON") {
  Receipt receipt;
  receipt.service = "shop";
  receipt.wall_us = at + 2'000'000;
  const Event event(4, FlipStepped{FlipStep::first_new, receipt}, at);
  CHECK(event.type() == "flip.first_new");
  CHECK(service_of(event) == "shop");
  CHECK(time_of(event) == "2023-11-14T22:13:22.000Z");
  const Event copy = event;
  CHECK(event.json() == receipt_json(receipt));
  CHECK(&copy.json() == &event.json());
  for (const char* state : {"verified", "unverified", "regressed", "superseded"})
    CHECK(to_string(flip_step_from(state).value()) == state);
  CHECK_FALSE(flip_step_from("verifying"));
}

}  // namespace
}  // namespace switchback::events
