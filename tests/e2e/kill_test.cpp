// kill -9 at any instant of a flip: after the restart the color is the one last answered for.
#include <atomic>
#include <random>
#include <thread>

#include "tests/e2e/admin_client.hpp"
#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

struct Said {
  std::string answered = "blue";  // the last color that a flip's answer named
  std::string asked;              // asked for, not answered: "" when none is open
};

// Flips back and forth until the server is gone.
void flip_on(const std::string& socket, Said& said, std::atomic<unsigned>& answers) {
  try {
    for (;;) {
      said.asked = said.answered == "blue" ? "green" : "blue";
      const AdminAnswer answer = flip_to(socket, said.asked);
      if (answer.status == 200) said.answered = said.asked;
      said.asked.clear();
      ++answers;
    }
  } catch (const std::exception&) {
  }
}

}  // namespace

TEST_CASE("killed in the middle of 50 flips", "[kill]") {
  TestServer blue("blue"), green("green");
  Instance instance({.blue = {blue.address()}, .green = {green.address()}});
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Said said;
  for (unsigned kills = 0; kills < 50; ++kills) {
    instance.wait_until_checked();
    std::atomic<unsigned> answers{0};
    std::thread flipper([&] { flip_on(instance.socket(), said, answers); });
    const unsigned after = 1 + random() % 3;
    CHECK(until([&] { return answers >= after; }));
    // Anywhere inside a flip: spin a random while, without giving the core away.
    for (volatile unsigned spin = random() % 400'000; spin > 0;) spin = spin - 1;
    instance.process->signal(SIGKILL);
    instance.process->wait();
    flipper.join();
    instance.start();
    const auto status = admin_call(instance.socket(), "GET", "/v1/services/shop").body;
    const std::string active(status.at("active").as_string());
    INFO("kill " << kills << ": answered " << said.answered << ", open " << said.asked);
    REQUIRE((active == said.answered || active == said.asked));
    CHECK(instance.who_answers() == active);
    said.answered = active;
    said.asked.clear();
  }
}

TEST_CASE("a restart keeps the color, whatever the configuration's initial says", "[kill]") {
  TestServer blue("blue"), green("green");
  Instance instance({.blue = {blue.address()}, .green = {green.address()}});
  instance.wait_until_checked();
  REQUIRE(flip_to(instance.socket(), "green").status == 200);
  instance.process->signal(SIGTERM);
  REQUIRE(instance.process->wait());
  instance.start();
  CHECK(instance.who_answers() == "green");
}
