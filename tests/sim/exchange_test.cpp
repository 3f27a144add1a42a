// Runs simulations of exchanges. To see one again: SWITCHBACK_SEED=<seed> ./sim_exchange
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/sim/exchange_world.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/support/catch.hpp"

namespace switchback::sim {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string run_one(std::uint64_t seed, ExchangeWorld::Totals& sum) {
  ExchangeWorld world(seed);
  try {
    world.run();
  } catch (const Violation& violation) {
    return std::string(violation.what()) +
           "\nto see it again: SWITCHBACK_SEED=" + std::to_string(seed) + " sim_exchange\n";
  }
  sum.requests += world.totals().requests;
  sum.flips += world.totals().flips;
  sum.moved += world.totals().moved;
  sum.forced += world.totals().forced;
  sum.completed += world.totals().completed;
  sum.retried += world.totals().retried;
  return {};
}

TEST_CASE("exchanges keep their word in any order of events") {
  ExchangeWorld::Totals sum;
  if (const std::uint64_t seed = number_from("SWITCHBACK_SEED", 0)) {
    CHECK(run_one(seed, sum) == "");
    return;
  }
  const std::uint64_t count = number_from("SWITCHBACK_SIMULATIONS", 2000);
  std::random_device device;
  Random seeds(std::uint64_t{device()} << 32 | device());
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(run_one(seeds.next(), sum) == "");
  std::printf(
      "%llu simulations: %llu requests, %llu repeats, %llu flips; of their cohorts %llu "
      "completed, %llu moved, %llu forced\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(sum.requests),
      static_cast<unsigned long long>(sum.retried), static_cast<unsigned long long>(sum.flips),
      static_cast<unsigned long long>(sum.completed), static_cast<unsigned long long>(sum.moved),
      static_cast<unsigned long long>(sum.forced));
  if (count < 500) return;  // too few to have met everything
  CHECK(sum.completed > 0);
  CHECK(sum.moved > 0);
  CHECK(sum.forced > 0);
  CHECK(sum.retried > 0);
}

}  // namespace
}  // namespace switchback::sim
