#include "admin/readiness/judge.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::readiness;

namespace {

constexpr std::int64_t second_us = 1'000'000, day_us = 24LL * 3600 * second_us;

people::PersonView person(const std::string& name, std::int64_t operated_us,
                          config::Role role = config::Role::operate) {
  people::PersonView one;
  one.name = name;
  one.role = role;
  one.last_operated_us = operated_us;
  return one;
}

// A service that could be rolled back at any moment.
Facts good() {
  Facts f;
  f.service = "shop";
  f.now_wall_us = 1000 * day_us;
  f.now_ns = Nanos{500} * 1'000'000'000;
  f.up_ns = Nanos{400} * 1'000'000'000;
  f.active = Color::green;
  f.active_release = "v1.3";
  f.target = Color::blue;
  f.target_release = "v1.2";
  f.people = {person("dana", f.now_wall_us - 21 * day_us),
              person("li", f.now_wall_us - 40 * day_us)};
  f.hands = {2, 2};
  f.socket = "/run/sb/admin.sock";
  f.rehearsal_period = std::chrono::seconds(60);
  releases::NullFlip null_flip;
  null_flip.number = 18204;
  null_flip.wall_us = f.now_wall_us - 11 * second_us;
  null_flip.at_ns = f.now_ns - Nanos{11} * 1'000'000'000;
  null_flip.ok = true;
  null_flip.ms = 0.9;
  f.rehearsal = f.good_rehearsal = null_flip;
  auto& rollbacks = f.durations.rollbacks;
  rollbacks.n = 6;
  rollbacks.newest_wall_us = f.now_wall_us - 12 * day_us;
  rollbacks.switched = rollbacks.first_new = rollbacks.last_old = {6, 4, 5, 6};
  rollbacks.verified = {6, 310, 880, 880};
  f.standing.planned = true;
  f.standing.color = Color::blue;
  f.standing.release = "v1.2";
  f.standing.passed = f.standing.total = 9;
  f.standing.at_ns = f.now_ns - Nanos{3} * 1'000'000'000;
  f.standing.at_wall_us = f.now_wall_us - 3 * second_us;
  f.standing.identity = verify::Identity::matches;
  f.fitness.servers = f.fitness.healthy = 3;
  f.fitness.peak_rps_per_server = 713;
  f.rps_now = 1870;
  return f;
}

const Answer& answer(const Readiness& r, Question question) {
  return r.answers[static_cast<std::size_t>(question)];
}

void check_fails(const Facts& facts, Question question, Grade grade, const std::string& words) {
  const auto r = judge(facts);
  CHECK(answer(r, question).grade == grade);
  REQUIRE_FALSE(answer(r, question).trouble.empty());
  CHECK_THAT(answer(r, question).trouble.front(), ContainsSubstring(words));
  CHECK(r.overall == (grade == Grade::warn ? Overall::degraded : Overall::not_ready));
  if (grade != Grade::warn) {
    CHECK(r.failing == to_string(question));
    CHECK_THAT(r.reason, ContainsSubstring(words));
  }
}

}  // namespace

TEST_CASE("all five answered: READY, and what a person reads", "[readiness]") {
  const auto r = judge(good());
  CHECK(r.overall == Overall::ready);
  CHECK(r.failing.empty());
  CHECK(answer(r, Question::who).lines.front() ==
        "2 people hold `operate`; 2 proved it in 90 d (dana 21 d ago, li 40 d ago)");
  const auto& how = answer(r, Question::how).lines;
  CHECK_THAT(how.at(0),
             ContainsSubstring("switchback rollback shop") && ContainsSubstring("curl -X POST"));
  CHECK(how.at(1) == "same path rehearsed 11 s ago by null flip #18204: 0.9 ms");
  CHECK_THAT(answer(r, Question::time).lines.at(0), ContainsSubstring("n=6"));
  CHECK_THAT(answer(r, Question::time).lines.back(), ContainsSubstring("26 %"));
  CHECK(answer(r, Question::data).grade == Grade::none);
  CHECK_THAT(answer(r, Question::data).lines.at(0), ContainsSubstring("no database is configured"));
  CHECK(answer(r, Question::verify).lines.at(0) ==
        "9 checks; standby passed 9/9 3 s ago; identity matches v1.2");
  CHECK_THAT(answer(r, Question::verify).lines.at(1),
             ContainsSubstring("has carried 2139 requests/s >= 1870 now"));
  CHECK(r.cost == "no traffic");
}

TEST_CASE("who: nobody, nobody proven, somebody on call who may not", "[readiness]") {
  auto f = good();
  f.hands = {0, 0};
  check_fails(f, Question::who, Grade::fail, "nobody but root");
  f = good();
  f.hands = {2, 1};
  check_fails(f, Question::who, Grade::warn, "fewer than two");
  f = good();
  f.on_call = {"omar"};
  check_fails(f, Question::who, Grade::fail, "omar is on call and may not roll back");
  f.people.push_back(person("omar", 0, config::Role::read));
  check_fails(f, Question::who, Grade::fail, "omar is on call and may not roll back");
  f.people.back().role = config::Role::operate;
  f.people.back().token_expires_us = f.now_wall_us + 3 * day_us;
  check_fails(f, Question::who, Grade::warn, "token of omar ends soon");
  CHECK_THAT(answer(judge(f), Question::who).lines.back(), ContainsSubstring("has never done it"));
}

TEST_CASE("how: no target, a lost one, rehearsals that fail or have ceased", "[readiness]") {
  auto f = good();
  f.target.reset();
  check_fails(f, Question::how, Grade::fail, "nothing to go back to");
  f = good();
  f.target_state = "lost";
  check_fails(f, Question::how, Grade::fail, "v1.2 is gone from the standby");
  f = good();
  f.rehearsal->ok = false;
  f.rehearsal->fault = "slot not written";
  check_fails(f, Question::how, Grade::fail, "slot not written");
  f = good();
  f.good_rehearsal->at_ns = f.now_ns - Nanos{179} * 1'000'000'000;
  f.rehearsal = f.good_rehearsal;
  CHECK(judge(f).overall == Overall::ready);
  f.good_rehearsal->at_ns = f.now_ns - Nanos{181} * 1'000'000'000;
  check_fails(f, Question::how, Grade::unknown, "no rehearsal went through for 3 min");
  f.good_rehearsal.reset();
  f.rehearsal.reset();
  check_fails(f, Question::how, Grade::unknown, "since the start");
  f.up_ns = Nanos{10} * 1'000'000'000;
  check_fails(f, Question::how, Grade::warn, "not rehearsed yet");
  f = good();
  f.rehearsal_period = config::Duration(0);
  check_fails(f, Question::how, Grade::warn, "switched off");
}

TEST_CASE("a hold is said and changes nothing: it never stops this command", "[readiness]") {
  auto f = good();
  f.hold.emplace();
  f.hold->actor = "dana";
  const auto r = judge(f);
  CHECK(r.overall == Overall::ready);
  CHECK_THAT(answer(r, Question::how).lines.back(), ContainsSubstring("never this command"));
}

TEST_CASE("time: never measured, or long ago", "[readiness]") {
  auto f = good();
  f.durations.rollbacks = {};
  check_fails(f, Question::time, Grade::warn, "never measured");
  CHECK(answer(judge(f), Question::time).lines.at(0) == "rollbacks: not measured");
  f = good();
  f.durations.rollbacks.newest_wall_us = f.now_wall_us - 31 * day_us;
  check_fails(f, Question::time, Grade::warn, "31 d");
  f.durations.rollbacks.newest_wall_us = f.now_wall_us - 46 * day_us;
  check_fails(f, Question::time, Grade::fail, "46 d");
  f.durations.drills.n = 1;
  f.durations.drills.newest_wall_us = f.now_wall_us - day_us;
  CHECK(judge(f).overall == Overall::ready);
}

TEST_CASE("verify: no plan, a failing check, another version, a stale look, no server",
          "[readiness]") {
  auto f = good();
  f.standing = {};
  check_fails(f, Question::verify, Grade::warn, "write `verify`");
  f = good();
  verify::CheckReport report;
  report.name = "pay-quote";
  report.server = "127.0.0.1:9001";
  report.observed = "status 500";
  report.expected = "200-299";
  f.standing.failing = {report};
  check_fails(f, Question::verify, Grade::fail,
              "check pay-quote at 127.0.0.1:9001 fails: status 500, wanted 200-299");
  f = good();
  f.standing.identity = verify::Identity::differs;
  check_fails(f, Question::verify, Grade::fail, "another version than v1.2");
  f = good();
  f.standing.at_ns = f.now_ns - Nanos{16} * 1'000'000'000;
  check_fails(f, Question::verify, Grade::unknown, "not checked for 16 s");
  f = good();
  f.fitness.healthy = 0;
  check_fails(f, Question::verify, Grade::fail, "no server of the standby is healthy");
  f = good();
  f.fitness.peak_rps_per_server = 0;
  check_fails(f, Question::verify, Grade::warn, "never measured");
}

TEST_CASE("what waiting costs", "[readiness]") {
  auto f = good();
  f.cost.requests_per_second = 1870;
  f.cost.bad_per_second = 41.14;
  f.cost.burn_5m = 2;  // of the release before, mostly: not what waiting costs now
  CHECK(judge(f).cost ==
        "v1.3 fails 41.1/s (2.2 % of the last 10 s; objective 99.9 %): burn 22.0x = 3.1 % of the "
        "30-day error budget per hour");
}

TEST_CASE("a clock that was set is no trouble of the way back", "[readiness]") {
  auto f = good();
  f.now_wall_us += 3600 * second_us;
  CHECK(answer(judge(f), Question::how).grade == Grade::ok);
  CHECK(answer(judge(f), Question::how).lines.at(1) ==
        "same path rehearsed 11 s ago by null flip #18204: 0.9 ms");
}

TEST_CASE("right after a switch the new standby is not checked yet, not long unchecked",
          "[readiness]") {
  auto f = good();
  f.standing.at_ns = 0;
  f.active_since_wall_us = f.now_wall_us - second_us;
  check_fails(f, Question::verify, Grade::warn, "not checked yet");
  f.active_since_wall_us = f.now_wall_us - 16 * second_us;
  check_fails(f, Question::verify, Grade::unknown, "not checked for 16 s");
  f.active_since_wall_us = 0;
  check_fails(f, Question::verify, Grade::unknown, "not checked for 6 min");
}

TEST_CASE("the honest line is of the figures that are shown", "[readiness]") {
  auto f = good();
  f.durations.rollbacks.n = f.durations.rollbacks.switched.n = 60;
  f.durations.rollbacks.verified.n = 3;
  const auto lines = answer(judge(f), Question::time).lines;
  CHECK_THAT(lines.at(0), ContainsSubstring("n=3"));
  CHECK_THAT(lines.back(), ContainsSubstring("n=3") && ContainsSubstring("14 %"));
}

TEST_CASE("a stage that was never seen is not measured, not nothing", "[readiness]") {
  auto f = good();
  f.durations.rollbacks.first_new = {};
  CHECK_THAT(answer(judge(f), Question::time).lines.at(2),
             ContainsSubstring("on the target not measured, to last"));
}
