// switchback demo as a new user runs it.
#include <filesystem>

#include "tests/integration/instance.hpp"
#include "tests/support/places.hpp"

using namespace switchback::test;

namespace {

// "… --admin PATH" in the commands that it prints.
std::string admin_of(Process& demo) {
  const auto line = demo.wait_for_line(" flip shop --admin ");
  REQUIRE(line);
  return line->substr(line->rfind(' ') + 1);
}

Process start_demo(const TempDir& folder, const std::string& duration) {
  ProcessOptions options;
  options.environment = {"TMPDIR=" + folder.path()};
  return Process({switchback::test::switchback_program(), "demo", "--port", "0", "--admin-port",
                  "0", "--duration", duration},
                 options);
}

}  // namespace

TEST_CASE(
    "the demo runs, is flipped and rolled back without a failure, and leaves nothing behind") {
  const TempDir folder;
  auto demo = start_demo(folder, "600");
  const auto admin = admin_of(demo);
  REQUIRE(demo.wait_for_line("now BLUE v1.2"));
  REQUIRE(until([&] {
    return command({"status", "--admin", admin}).out.find("NOT HEALTHY") == std::string::npos;
  }));
  const auto flip = command({"flip", "shop", "--admin", admin});
  CHECK(flip.code == 0);
  CHECK_THAT(flip.out, ContainsSubstring("Traffic moved: GREEN v1.3 is active."));
  REQUIRE(demo.wait_for_line("now GREEN v1.3"));
  CHECK(command({"rollback", "shop", "--admin", admin}).code == 0);
  REQUIRE(demo.wait_for_line("last flip: rollback to BLUE v1.2"));
  demo.signal(SIGINT);
  CHECK(demo.wait() == 0);
  CHECK_THAT(demo.out(), ContainsSubstring("failed 0 of "));
  for (const char* digit : {"1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
    CHECK(demo.out().find(std::string("failed ") + digit) == std::string::npos);
  }
  CHECK(demo.err() == "");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("the demo ends by itself when it was told to") {
  const TempDir folder;
  auto demo = start_demo(folder, "1.5");
  CHECK(demo.wait() == 0);
  CHECK_THAT(demo.out(), ContainsSubstring("now BLUE v1.2"));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("the demo takes other ports where its own are in use") {
  const TempDir folder;
  const TestServer taken("taken");
  const auto port = std::to_string(taken.port());
  ProcessOptions options;
  options.environment = {"TMPDIR=" + folder.path()};
  Process demo({switchback::test::switchback_program(), "demo", "--port", port, "--admin-port",
                port, "--duration", "600"},
               options);
  const auto line = demo.wait_for_line("switchback demo   http://127.0.0.1:");
  REQUIRE(line);
  CHECK(line->find(":" + port + " ") == std::string::npos);
  REQUIRE(demo.wait_for_line("now BLUE v1.2"));
  demo.signal(SIGTERM);
  CHECK(demo.wait() == 0);
}
