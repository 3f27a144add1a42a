#include "admin/state/slot_file.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "admin/state/state_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::state;

namespace {

const std::string life = "0123456789abcdef0123456789abcdef";

SlotValue value_of(std::uint64_t epoch) {
  SlotValue value;
  value.epoch = epoch;
  value.active = epoch % 2 ? Color::green : Color::blue;
  value.last = LastSwitch::promotion;
  value.release = "v" + std::to_string(epoch);
  return value;
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void overwrite(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE("a slot file starts empty, at its full size") {
  const test::TempDir dir;
  const SlotFile file(dir / "shop.slot", life, "shop", nullptr);
  CHECK_FALSE(file.newest());
  CHECK(std::filesystem::file_size(dir / "shop.slot") == 2 * slot_size);
}

TEST_CASE("writes alternate and the newest is read back") {
  const test::TempDir dir;
  for (std::uint64_t epoch = 2; epoch < 9; ++epoch) {
    SlotFile file(dir / "shop.slot", life, "shop", nullptr);
    if (epoch > 2) CHECK(file.newest() == value_of(epoch - 1));
    REQUIRE(file.write(value_of(epoch)).empty());
    CHECK(SlotFile(dir / "shop.slot", life, "shop", nullptr).newest() == value_of(epoch));
  }
}

TEST_CASE("a write torn after any byte leaves the value before it") {
  const test::TempDir dir;
  const std::string path = dir / "shop.slot";
  std::string before, after;
  {
    SlotFile file(path, life, "shop", nullptr);
    REQUIRE(file.write(value_of(2)).empty());
    REQUIRE(file.write(value_of(3)).empty());
    before = contents(path);
    REQUIRE(file.write(value_of(4)).empty());
    after = contents(path);
  }
  // The third write goes over the first slot.
  REQUIRE(before.substr(slot_size) == after.substr(slot_size));
  unsigned kept = 0, taken = 0;
  for (std::size_t torn = 0; torn <= slot_size; ++torn) {
    overwrite(path, after.substr(0, torn) + before.substr(torn));
    SlotFile file(path, life, "shop", nullptr);
    REQUIRE(file.newest());
    // The last bytes of both may be equal by chance; then the write is complete before its end.
    const bool whole =
        after.substr(torn, slot_size - torn) == before.substr(torn, slot_size - torn);
    INFO("torn after " << torn);
    REQUIRE(file.newest() == value_of(whole ? 4 : 3));
    ++(whole ? taken : kept);
    // And the next write does not touch the slot that is still good.
    REQUIRE(file.write(value_of(9)).empty());
    REQUIRE(SlotFile(path, life, "shop", nullptr).newest() == value_of(9));
  }
  CHECK(kept >= 500);
  CHECK(taken >= 1);
}

TEST_CASE("a failed sync leaves the newest good slot alone") {
  const test::TempDir dir;
  bool fail = false;
  const auto sync = [&](int) {
    errno = EIO;
    return fail ? -1 : 0;
  };
  SlotFile file(dir / "shop.slot", life, "shop", sync);
  REQUIRE(file.write(value_of(2)).empty());
  fail = true;
  CHECK_THAT(file.write(value_of(3)), ContainsSubstring("shop.slot: Input/output error"));
  CHECK(file.newest() == value_of(2));
  file.write(value_of(4));
  fail = false;
  // Both failed writes went to the same slot, so epoch 2 is still in the other one.
  auto bytes = contents(dir / "shop.slot");
  CHECK(decode_slot({reinterpret_cast<const std::uint8_t*>(bytes.data()), slot_size}, life, "shop")
            ->value == value_of(2));
  REQUIRE(file.write(value_of(5)).empty());
  CHECK(file.newest() == value_of(5));
}

TEST_CASE("a slot file that cannot be made says so") {
  const test::TempDir dir;
  CHECK_THROWS_WITH(SlotFile(dir / "missing/shop.slot", life, "shop", nullptr),
                    ContainsSubstring("missing/shop.slot: No such file or directory"));
}
