#include "admin/release/judge.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::release;
using upstream::Health;

namespace {

worker::PoolView pool(std::vector<Health> healths, std::string release = "") {
  worker::PoolView out;
  out.release = std::move(release);
  unsigned port = 9000;
  for (auto health : healths) {
    worker::ServerView server;
    server.address = "127.0.0.1:" + std::to_string(port++);
    server.health = health;
    if (health > Health::healthy) server.reason = "status 500";
    out.servers.push_back(server);
  }
  return out;
}

worker::ServiceView shop(worker::PoolView green = pool({Health::healthy}, "v1.3")) {
  worker::ServiceView view;
  view.service = "shop";
  view.epoch = 42;
  view.pools[0] = pool({Health::healthy}, "v1.2");
  view.pools[1] = std::move(green);
  return view;
}

FlipRequest to(std::string target) {
  FlipRequest request;
  request.service = "shop";
  request.to = std::move(target);
  return request;
}

state::SlotValue last(state::LastSwitch what, std::string from_release = "") {
  state::SlotValue value;
  value.epoch = 42;
  value.last = what;
  value.from_release = std::move(from_release);
  return value;
}

const auto promoted = state::LastSwitch::promotion;
const auto rolled_back = state::LastSwitch::rollback;

}  // namespace

TEST_CASE("a promote says where to, by color or by release") {
  const auto view = shop();
  CHECK(judge_promote({}, view, {}).problem.code == "missing_to");
  CHECK(judge_promote({}, view, {}).problem.status == 422);
  CHECK(judge_promote(to(""), view, {}).problem.code == "missing_to");
  CHECK(judge_promote(to("green"), view, {}).verdict == Verdict::go);
  CHECK(judge_promote(to("green"), view, {}).to == Color::green);
  CHECK(judge_promote(to("v1.3"), view, {}).to == Color::green);
  const auto unknown = judge_promote(to("v9"), view, {});
  CHECK(unknown.verdict == Verdict::refuse);
  CHECK(unknown.problem.status == 422);
  CHECK(unknown.problem.code == "unknown_target");
  CHECK_THAT(unknown.problem.detail,
             ContainsSubstring("blue (v1.2), active") && ContainsSubstring("green (v1.3)"));
  CHECK(unknown.problem.exit_code == 2);
}

TEST_CASE("a release that both sides declare names neither") {
  const auto view = shop(pool({Health::healthy}, "v1.2"));
  CHECK(judge_promote(to("v1.2"), view, {}).problem.code == "unknown_target");
  CHECK(judge_promote(to("green"), view, {}).verdict == Verdict::go);
}

TEST_CASE("a stale If-Match is refused before anything else is looked at") {
  auto request = to("green");
  request.if_match = 41;
  const auto stale = judge_promote(request, shop(), {});
  CHECK(stale.verdict == Verdict::refuse);
  CHECK(stale.problem.status == 412);
  CHECK(stale.problem.code == "stale_epoch");
  CHECK(stale.problem.exit_code == 10);
  CHECK_FALSE(stale.problem.moved);
  request.if_match = 42;
  CHECK(judge_promote(request, shop(), {}).verdict == Verdict::go);
}

TEST_CASE("the active side is there already, however unfit") {
  auto view = shop();
  view.pools[0] = pool({});
  CHECK(judge_promote(to("blue"), view, {}).verdict == Verdict::already);
}

TEST_CASE("fitness of a standby for a promote") {
  const auto verdict = [](worker::PoolView green, bool force = false) {
    auto request = to("green");
    request.force = force;
    return judge_promote(request, shop(std::move(green)), {});
  };
  CHECK(verdict(pool({Health::healthy, Health::healthy})).warnings.empty());
  const auto partial = verdict(pool({Health::unreachable, Health::healthy}));
  CHECK(partial.verdict == Verdict::go);
  REQUIRE(partial.warnings.size() == 1);
  CHECK_THAT(partial.warnings[0], ContainsSubstring("1 of 2 servers of green are not healthy"));
  for (auto bad : {pool({}), pool({Health::failing}), pool({Health::unreachable})}) {
    const auto refused = verdict(bad);
    CHECK(refused.verdict == Verdict::refuse);
    CHECK(refused.problem.code == "standby_unfit");
    CHECK(refused.problem.status == 409);
    CHECK(refused.problem.exit_code == 21);
    CHECK_THAT(refused.problem.next, ContainsSubstring("--force"));
    const auto forced = verdict(bad, true);
    CHECK(forced.verdict == Verdict::go);
    CHECK(forced.forced);
    CHECK_THAT(forced.warnings.back(), ContainsSubstring("forced: "));
  }
  CHECK(verdict(pool({Health::unknown})).verdict == Verdict::probe);
  CHECK(verdict(pool({Health::unknown})).problem.code == "standby_unfit");
  CHECK(verdict(pool({Health::unknown}), true).verdict == Verdict::go);
  // Not settled yet, but its first check failed: connecting says nothing new.
  auto doubtful = pool({Health::unknown});
  doubtful.servers[0].reason = "GET /up: status 503, wanted 200-399";
  CHECK(verdict(doubtful).verdict == Verdict::refuse);
  // Force that was not needed is not recorded as force.
  CHECK_FALSE(verdict(pool({Health::healthy}), true).forced);
  // A server of weight 0 takes no requests, so it makes nobody fit.
  auto weightless = pool({Health::healthy});
  weightless.servers[0].weight = 0;
  CHECK(verdict(weightless).verdict == Verdict::refuse);
}

TEST_CASE("what a promote to the other side is recorded as") {
  const auto kind = [](std::optional<state::SlotValue> current, std::string green = "v1.3") {
    return judge_promote(to("green"), shop(pool({Health::healthy}, std::move(green))), current)
        .kind;
  };
  CHECK(kind(std::nullopt) == FlipKind::promote);
  CHECK(kind(last(state::LastSwitch::none)) == FlipKind::promote);
  CHECK(kind(last(rolled_back, "v1.3")) == FlipKind::promote);
  // Back to what was left by the newest promotion: a rollback by another name.
  CHECK(kind(last(promoted, "v1.3")) == FlipKind::rollback);
  CHECK(kind(last(promoted, "")) == FlipKind::rollback);
  CHECK(kind(last(promoted, "v1.3"), "") == FlipKind::rollback);
  // The side was deployed anew since: a promotion.
  CHECK(kind(last(promoted, "v1.1")) == FlipKind::promote);
}

TEST_CASE("a rollback undoes the newest promotion, once") {
  const auto view = shop();
  CHECK(judge_rollback({}, view, {}).problem.code == "nothing_to_roll_back_to");
  CHECK(judge_rollback({}, view, {}).problem.exit_code == 22);
  CHECK(judge_rollback({}, view, last(state::LastSwitch::none)).problem.status == 409);
  const auto go = judge_rollback({}, view, last(promoted, "v1.3"));
  CHECK(go.verdict == Verdict::go);
  CHECK(go.kind == FlipKind::rollback);
  CHECK(go.to == Color::green);
  CHECK(go.warnings.empty());
  const auto again = judge_rollback({}, view, last(rolled_back, "v1.3"));
  CHECK(again.verdict == Verdict::already);
  CHECK(again.to == Color::blue);
}

TEST_CASE("a rollback to a side that was deployed anew warns and goes") {
  const auto go = judge_rollback({}, shop(), last(promoted, "v1.1"));
  CHECK(go.verdict == Verdict::go);
  REQUIRE(go.warnings.size() == 1);
  CHECK_THAT(go.warnings[0],
             ContainsSubstring("green declares v1.3 now") && ContainsSubstring("v1.1"));
}

TEST_CASE("a broken checker never blocks a rollback, a proof of absence does") {
  const auto verdict = [](worker::PoolView green, bool force = false) {
    FlipRequest request;
    request.service = "shop";
    request.force = force;
    return judge_rollback(request, shop(std::move(green)), last(promoted, "v1.3"));
  };
  for (auto doubtful : {pool({Health::failing}), pool({Health::unknown}),
                        pool({Health::unreachable, Health::failing}),
                        pool({Health::unreachable, Health::unknown})}) {
    CHECK(verdict(doubtful).verdict == Verdict::go);
    CHECK_FALSE(verdict(doubtful).warnings.empty());
  }
  const auto dead = verdict(pool({Health::unreachable, Health::unreachable}));
  CHECK(dead.verdict == Verdict::probe);
  CHECK(dead.problem.code == "standby_unfit");
  CHECK(dead.problem.exit_code == 21);
  CHECK(verdict(pool({})).verdict == Verdict::refuse);
  CHECK(verdict(pool({}), true).forced);
  CHECK(verdict(pool({Health::unreachable}), true).verdict == Verdict::go);
}

TEST_CASE("the rollback target is the other side while the newest switch is a promotion") {
  CHECK(rollback_target_of(last(promoted), Color::green) == Color::blue);
  CHECK_FALSE(rollback_target_of(last(rolled_back), Color::blue));
  CHECK_FALSE(rollback_target_of(last(state::LastSwitch::none), Color::blue));
  CHECK_FALSE(rollback_target_of({}, Color::blue));
}
