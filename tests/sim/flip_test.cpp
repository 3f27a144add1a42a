// Runs the simulations. Each has its own seed, printed when it fails; to see one again, step by
// step: SWITCHBACK_SEED=<seed> ./sim_flip
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/sim/world.hpp"
#include "tests/support/catch.hpp"

namespace switchback::sim {
namespace {

char seed_line[96];  // what an assertion that ends the process leaves behind

void print_seed(int) {
  std::size_t length = 0;
  while (length < sizeof seed_line && seed_line[length] != '\0') ++length;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, seed_line, length);
  std::signal(SIGABRT, SIG_DFL);
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string run_one(std::uint64_t seed, bool trace, World::Totals& sum) {
  std::snprintf(seed_line, sizeof seed_line, "to see it again: SWITCHBACK_SEED=%llu sim_flip\n",
                static_cast<unsigned long long>(seed));
  World world(seed, trace);
  try {
    world.run();
  } catch (const Violation& violation) {
    return std::string(violation.what()) + "\n" + seed_line;
  }
  const World::Totals& totals = world.totals();
  sum.requests += totals.requests;
  sum.moved += totals.moved;
  sum.forced += totals.forced;
  sum.flips += totals.flips;
  sum.overtaking_flips += totals.overtaking_flips;
  sum.closed_early += totals.closed_early;
  return {};
}

TEST_CASE("flips and drains keep their word in any order of events") {
  const auto before = std::signal(SIGABRT, print_seed);
  World::Totals sum;
  if (const char* seed = std::getenv("SWITCHBACK_SEED"); seed != nullptr && *seed != '\0') {
    CHECK(run_one(number_from("SWITCHBACK_SEED", 0), true, sum) == "");
    std::signal(SIGABRT, before);
    return;
  }
  const std::uint64_t count = number_from("SWITCHBACK_SIMULATIONS", 2000);
  std::random_device device;
  Random seeds(std::uint64_t{device()} << 32 | device());
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(run_one(seeds.next(), false, sum) == "");
  std::signal(SIGABRT, before);
  std::printf(
      "%llu simulations: %llu requests (%llu moved, %llu forced), %llu flips (%llu of them "
      "before the last had drained, %llu drains closed early)\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(sum.requests),
      static_cast<unsigned long long>(sum.moved), static_cast<unsigned long long>(sum.forced),
      static_cast<unsigned long long>(sum.flips),
      static_cast<unsigned long long>(sum.overtaking_flips),
      static_cast<unsigned long long>(sum.closed_early));
  if (count < 500) return;  // too few to have met everything
  CHECK(sum.moved > 0);
  CHECK(sum.forced > 0);
  CHECK(sum.overtaking_flips > 0);
}

}  // namespace
}  // namespace switchback::sim
