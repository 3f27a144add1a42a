#include "admin/state/intent_file.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using switchback::state::IntentFile;
using switchback::test::TempDir;

TEST_CASE("an intent outlives its process, until it is answered or wiped out") {
  TempDir dir;
  const auto path = dir / "shop.intent";
  CHECK(IntentFile(path).found().empty());
  {
    IntentFile file(path);
    REQUIRE(file.write("to green").empty());
    CHECK(file.found().empty());  // of an earlier life: none
  }
  CHECK(IntentFile(path).found() == "?to green");
  IntentFile(path).end(true);
  CHECK(IntentFile(path).found() == "!to green");
  IntentFile(path).end(false);
  CHECK(IntentFile(path).found().empty());
}

TEST_CASE("a torn intent counts as none, a shorter one does not keep the longer one's end") {
  TempDir dir;
  const auto path = dir / "shop.intent";
  REQUIRE(IntentFile(path).write(std::string(3000, 'a')).empty());
  REQUIRE(IntentFile(path).write("b").empty());
  CHECK(IntentFile(path).found() == "?b");
  auto bytes = dir.read("shop.intent");
  bytes[12] = 'c';
  dir.write("shop.intent", bytes);
  CHECK(IntentFile(path).found().empty());
  dir.write("shop.intent", bytes.substr(0, 7));
  CHECK(IntentFile(path).found().empty());
}

TEST_CASE("what is too long is refused, and takes an older one with it") {
  TempDir dir;
  const auto path = dir / "shop.intent";
  IntentFile file(path);
  REQUIRE(file.write("old").empty());
  CHECK_FALSE(file.write(std::string(IntentFile::most_bytes + 1, 'x')).empty());
  CHECK(IntentFile(path).found().empty());
  CHECK(file.write(std::string(IntentFile::most_bytes, 'x')).empty());
  CHECK(IntentFile(path).found().size() == IntentFile::most_bytes + 1);
}
