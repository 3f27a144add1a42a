// The promises of the e-process, checked on simulated releases. Seeds are fixed and printed;
// another one by SWITCHBACK_SEED.
#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <functional>
#include "admin/verify/e_process.hpp"
#include "admin/verify/paired.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::verify;

namespace {

using Random = std::mt19937_64;

std::uint64_t seed() {
  const char* text = std::getenv("SWITCHBACK_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 20261122;
}

std::uint64_t draw(Random& random, std::uint64_t n, double share) {
  return std::binomial_distribution<std::uint64_t>(n, share)(random);
}

// Seconds until the alarm, or none.
struct Watch {
  std::uint64_t per_second = 500;
  unsigned seconds = 600;
  StreamRule rule;
};
int alarm_at(EProcess& e, unsigned seconds, const std::function<Counts(unsigned)>& second) {
  for (unsigned t = 1; t <= seconds; ++t) {
    e.second(second(t));
    if (e.regressed()) return static_cast<int>(t);
  }
  return -1;
}

// The baseline is measured too, so it is drawn anew for every release.
int watch(Random& random, const Watch& w, double before, double after) {
  const std::uint64_t baseline = w.per_second * 1800;
  EProcess e(w.rule, {baseline, draw(random, baseline, before)});
  return alarm_at(e, w.seconds, [&](unsigned) {
    return Counts{w.per_second, draw(random, w.per_second, after)};
  });
}

// The most alarms that a true chance of `alpha` gives in all but one of 1,000 such tests.
unsigned most_allowed(unsigned releases, double alpha) {
  return static_cast<unsigned>(
      boost::math::quantile(boost::math::binomial_distribution<double>(releases, alpha), 0.999));
}

}  // namespace

TEST_CASE("unchanged releases: false alarms stay within the promised chance") {
  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed());
  for (const double alpha : {1e-2, 1e-4}) {
    // The floor is below the baseline, so that nothing but the baseline's margin protects.
    Watch w;
    w.rule.floor = 0;
    w.rule.alpha = alpha;
    w.seconds = 120;
    unsigned alarms = 0;
    for (int release = 0; release < 20'000; ++release) {
      // Rates from a few to many requests a second, so that no rate hides behind another.
      w.per_second = release % 3 == 0 ? 5 : release % 3 == 1 ? 50 : 500;
      alarms += watch(random, w, 0.001, 0.001) > 0;
    }
    CHECK(alarms <= (alpha < 1e-3 ? 0 : most_allowed(20'000, alpha)));
  }
}

TEST_CASE("the chance holds at the edge of the null too, where only the bound protects") {
  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed() + 1);
  StreamRule rule;
  rule.alpha = 1e-2;
  unsigned alarms = 0;
  for (int release = 0; release < 20'000; ++release) {
    EProcess e(rule, {1'000'000, 1000});
    const double share = e.null_share();  // as bad as the null still allows
    alarms += alarm_at(e, 120, [&](unsigned) { return Counts{50, draw(random, 50, share)}; }) > 0;
  }
  CHECK(alarms > 0);  // a test that cannot alarm would prove nothing
  CHECK(alarms <= most_allowed(20'000, 1e-2));
}

TEST_CASE("bursts: the guard holds where an unguarded test would not") {
  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed() + 2);
  unsigned guarded = 0, unguarded = 0;
  for (int release = 0; release < 1000; ++release) {
    const auto burst = [&](unsigned) {  // 150 errors at once, every 300 s on average
      return Counts{500, std::bernoulli_distribution(1.0 / 300)(random) ? 150u : 0u};
    };
    StreamRule rule;
    EProcess with({}, {900'000, 900});
    rule.burst_seconds = 0;
    EProcess without(rule, {900'000, 900});
    bool with_fired = false, without_fired = false;
    for (unsigned t = 0; t < 600; ++t) {
      const Counts seen = burst(t);
      with.second(seen);
      without.second(seen);
      with_fired = with_fired || with.regressed();
      without_fired = without_fired || without.regressed();
    }
    guarded += with_fired;
    unguarded += without_fired;
  }
  CHECK(unguarded > 200);
  CHECK(guarded == 0);
}

TEST_CASE("time of day: a drift within the baseline's margin and the floor is no alarm") {
  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed() + 3);
  unsigned alarms = 0;
  for (int release = 0; release < 1000; ++release) {
    EProcess e({}, {900'000, draw(random, 900'000, 0.001)});
    alarms += alarm_at(e, 600, [&](unsigned t) {  // 0.1 % to 0.19 % within ten minutes
                const std::uint64_t n = 300 + t;  // with growing traffic
                return Counts{n, draw(random, n, 0.001 + 0.0009 * t / 600.0)};
              }) > 0;
  }
  CHECK(alarms == 0);
}

TEST_CASE("regressions are found quickly") {
  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed() + 4);
  struct Case {
    std::uint64_t per_second;
    double after;
    int median_within;
  };
  // 1 % against 0.1 % at 500 requests a second: under 10 s in the median, and so on.
  for (const Case c : {Case{500, 0.01, 9}, Case{50, 0.01, 40}, Case{500, 0.05, 5},
                       Case{50, 0.05, 6}, Case{500, 1.0, 3}, Case{5, 1.0, 5}, Case{5, 0.05, 40}}) {
    std::vector<int> seconds;
    Watch w;
    w.per_second = c.per_second;
    for (int release = 0; release < 500; ++release) {
      const int at = watch(random, w, 0.001, c.after);
      seconds.push_back(at < 0 ? 1'000'000 : at);
    }
    std::nth_element(seconds.begin(), seconds.begin() + 250, seconds.end());
    INFO(c.per_second << " requests/s, now " << c.after << ": median " << seconds[250] << " s");
    CHECK(seconds[250] <= c.median_within);
    CHECK(seconds[250] >= 3);
  }
}

TEST_CASE(
    "what turns bad late in the window is found as well, however much good traffic came before") {
  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed() + 7);
  struct Case {
    std::uint64_t per_second;
    double after;
    int median_within;
  };
  for (const Case c : {Case{500, 1.0, 15}, Case{5000, 1.0, 15}, Case{5000, 0.05, 15},
                       Case{500, 0.05, 15}, Case{500, 0.01, 40}}) {
    constexpr unsigned good = 600;
    std::vector<int> seconds;
    for (int release = 0; release < 100; ++release) {
      const std::uint64_t baseline = c.per_second * 1800;
      EProcess e({}, {baseline, draw(random, baseline, 0.001)});
      const int at = alarm_at(e, good + 300, [&](unsigned t) {
        return Counts{c.per_second, draw(random, c.per_second, t <= good ? 0.001 : c.after)};
      });
      seconds.push_back(at < 0 ? 1000 : at - static_cast<int>(good));
      // Ten good minutes must not make a release that fails now look like a tolerable one.
      if (c.after >= 0.05) CHECK_FALSE(e.healthy_since_change());
    }
    std::nth_element(seconds.begin(), seconds.begin() + 50, seconds.end());
    INFO(c.per_second << " requests/s, " << c.after << " bad: median " << seconds[50] << " s");
    CHECK(seconds[50] > 0);
    CHECK(seconds[50] <= c.median_within);
  }
}

TEST_CASE("paired probes: hard failures in 16 pairs, shared outages never blame one color") {
  PairedProbes hard;
  int pairs = 0;
  while (hard.verdict() != PairedVerdict::new_only) {
    hard.pair(false, true);
    REQUIRE(++pairs < 100);
  }
  CHECK(pairs == 16);

  INFO("SWITCHBACK_SEED=" << seed());
  Random random(seed() + 5);
  std::bernoulli_distribution outage(0.5);
  unsigned blamed = 0, shared = 0;
  for (int release = 0; release < 5000; ++release) {
    PairedProbes probes;
    for (int i = 0; i < 240; ++i) {
      const bool good = !outage(random);
      probes.pair(good, good);
    }
    blamed += probes.log_new_only() > 0 || probes.log_old_only() > 0;
    shared += probes.verdict() == PairedVerdict::shared;
  }
  CHECK(blamed == 0);
  CHECK(shared > 4900);
}

TEST_CASE("paired probes: each color's own failures, and proof of health") {
  PairedProbes old_side;
  for (int i = 0; i < 16; ++i) old_side.pair(true, false);
  CHECK(old_side.verdict() == PairedVerdict::old_only);
  CHECK(old_side.new_proven_good());

  PairedProbes good;
  for (int i = 0; i < 9; ++i) good.pair(true, true);
  CHECK(good.verdict() == PairedVerdict::unknown);
  good.pair(true, true);
  CHECK(good.verdict() == PairedVerdict::equal_good);

  Random random(seed() + 6);
  std::bernoulli_distribution fails(0.3);
  std::vector<int> needed;
  for (int release = 0; release < 500; ++release) {
    PairedProbes probes;
    int pairs = 0;
    while (probes.verdict() != PairedVerdict::new_only && pairs < 2000) {
      probes.pair(!fails(random), true);
      ++pairs;
    }
    needed.push_back(pairs);
  }
  std::nth_element(needed.begin(), needed.begin() + 250, needed.end());
  INFO("30 % failures: median " << needed[250] << " pairs");
  CHECK(needed[250] < 80);
  // An outage of both that is over is over.
  PairedProbes over;
  for (int i = 0; i < 20; ++i) over.pair(false, false);
  CHECK(over.verdict() == PairedVerdict::shared);
  for (int i = 0; i < 10; ++i) over.pair(true, true);
  CHECK(over.verdict() == PairedVerdict::equal_good);
}
