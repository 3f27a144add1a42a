#include "admin/verify/e_process.hpp"

#include <cmath>

#include "tests/support/catch.hpp"

using namespace switchback::verify;

TEST_CASE("the baseline's upper bound is Jeffreys' 97.5 % quantile") {
  CHECK(upper_bound({0, 0}) == 1.0);
  // Values of qbeta(0.975, k + 0.5, n - k + 0.5).
  CHECK(upper_bound({1000, 0}) == Approx(0.002509).epsilon(0.001));
  CHECK(upper_bound({1000, 1}) == Approx(0.004672).epsilon(0.002));
  CHECK(upper_bound({100000, 100}) == Approx(0.001209).epsilon(0.005));
  CHECK(upper_bound({10, 10}) > 0.99);
}

TEST_CASE("the null is the baseline's bound with a margin, and never below the floor") {
  StreamRule rule;
  CHECK(EProcess(rule, {100000, 0}).null_share() == Approx(0.002));  // the floor
  CHECK(EProcess(rule, {100000, 1000}).null_share() == Approx(1.25 * upper_bound({100000, 1000})));
  CHECK(EProcess(rule, {0, 0}).null_share() == Approx(0.97));  // nothing known: no alarm
  rule.floor = 0;
  CHECK(EProcess(rule, {1'000'000'000, 0}).null_share() >= 1e-6);
}

TEST_CASE("what fails altogether is found, but one second cannot convict") {
  EProcess e({}, {100000, 100});
  e.second({500, 500});
  CHECK_FALSE(e.regressed());
  e.second({500, 500});
  CHECK_FALSE(e.regressed());
  CHECK(e.warned());
  e.second({500, 500});
  CHECK(e.regressed());
}

TEST_CASE("several streams share the chance of a false alarm") {
  StreamRule rule;
  rule.streams = 3;
  EProcess e(rule, {100000, 100});
  for (int i = 0; i < 3; ++i) e.second({500, 500});
  CHECK_FALSE(e.regressed());
  e.second({500, 500});
  CHECK(e.regressed());
}

TEST_CASE("few bad outcomes prove nothing, seconds without traffic change nothing") {
  EProcess e({}, {100000, 0});
  for (int i = 0; i < 4; ++i) e.second({1, 1});
  CHECK(e.log_capital() > 9.0);
  CHECK_FALSE(e.regressed());  // min_bad is 5
  const double before = e.log_capital();
  e.second({0, 0});
  CHECK(e.log_capital() == before);
  e.second({1, 1});
  CHECK(e.regressed());
  // More bad than requests is a fault of the caller: taken as all bad.
  EProcess odd({}, {100000, 0});
  odd.second({2, 5});
  CHECK(odd.total().bad == 2);
}

TEST_CASE("health needs positive evidence") {
  EProcess e({}, {100000, 50});
  CHECK_FALSE(e.healthy());
  CHECK(e.requests_for_healthy() == 332);
  e.second({300, 0});
  CHECK(e.requests_for_healthy() == 32);
  e.second({32, 0});
  CHECK(e.healthy());
  CHECK(e.requests_for_healthy() == 0);
  // 30 bad of 1,000 is not healthy by any reading.
  EProcess bad({}, {100000, 50});
  bad.second({1000, 30});
  CHECK_FALSE(bad.healthy());
  // A baseline as bad as what is tolerated cannot tell: it stays inconclusive.
  EProcess blurred({}, {1000, 30});
  blurred.second({100000, 0});
  CHECK_FALSE(blurred.healthy());
  CHECK(blurred.requests_for_healthy() == std::numeric_limits<std::uint64_t>::max());
}
