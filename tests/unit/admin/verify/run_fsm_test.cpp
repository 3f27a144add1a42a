#include "admin/verify/run_fsm.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::verify;

namespace {

// All is well, by probes and traffic.
RunFacts good() {
  RunFacts f;
  f.checks = f.checks_ok = 3;
  f.identity_asked = true;
  f.identity = Identity::matches;
  f.traffic_planned = true;
  f.traffic = Value::healthy;
  f.paired_planned = true;
  f.paired_proven_good = true;
  return f;
}

struct Case {
  const char* what;
  RunState before, at_deadline;  // of the deadline
  void (*change)(RunFacts&);
};

}  // namespace

TEST_CASE("what a flip has proved, before its deadline and at it") {
  using S = RunState;
  const Case cases[] = {
      {"all is well", S::verified, S::verified, [](RunFacts&) {}},
      {"a check has not passed", S::verifying, S::unverified, [](RunFacts& f) { f.checks_ok = 2; }},
      {"a check is answered wrongly", S::verifying, S::regressed,
       [](RunFacts& f) { f.checks_ok = 2, f.answered_wrongly = true; }},
      {"a check is proved wrong", S::regressed, S::regressed,
       [](RunFacts& f) { f.checks_ok = 2, f.proved_wrong = true; }},
      {"the identity is unknown", S::verifying, S::unverified,
       [](RunFacts& f) { f.identity = Identity::unknown; }},
      {"nobody asks for the identity", S::verified, S::verified,
       [](RunFacts& f) { f.identity_asked = false, f.identity = Identity::unknown; }},
      {"traffic regressed", S::regressed, S::regressed,
       [](RunFacts& f) { f.traffic = Value::regressed; }},
      {"traffic shares an outage", S::verifying, S::unverified,
       [](RunFacts& f) { f.traffic = Value::shared; }},
      {"traffic is worse than before", S::verifying, S::unverified,
       [](RunFacts& f) { f.traffic = Value::degraded; }},
      {"too little traffic, but pairs", S::verified, S::verified,
       [](RunFacts& f) { f.traffic = Value::inconclusive; }},
      {"too little traffic, too few pairs", S::verifying, S::unverified,
       [](RunFacts& f) { f.traffic = Value::inconclusive, f.paired_proven_good = false; }},
      {"pairs fail on this color only", S::regressed, S::regressed,
       [](RunFacts& f) { f.paired = PairedVerdict::new_only; }},
      {"a required hook runs", S::verifying, S::unverified,
       [](RunFacts& f) { f.required_hooks_open = 1; }},
      {"a required hook failed", S::unverified, S::unverified,
       [](RunFacts& f) { f.required_hook_failed = true; }},
      {"a newer flip", S::superseded, S::superseded, [](RunFacts& f) { f.superseded = true; }},
  };
  for (const auto& c : cases) {
    INFO(c.what);
    RunFacts facts = good();
    c.change(facts);
    CHECK(judge_run(facts).state == c.before);
    facts.deadline_passed = true;
    CHECK(judge_run(facts).state == c.at_deadline);
    CHECK_FALSE(judge_run(facts).label.empty());
  }
}

TEST_CASE("a verdict without traffic says that it rests on probes only") {
  RunFacts facts = good();
  CHECK(judge_run(facts).label == "probes and traffic");
  facts.traffic = Value::inconclusive;
  CHECK(judge_run(facts).label == "probes only");
  facts.traffic_planned = facts.paired_planned = false;
  CHECK(judge_run(facts).state == RunState::verified);
  CHECK(judge_run(facts).label == "probes only");
}
