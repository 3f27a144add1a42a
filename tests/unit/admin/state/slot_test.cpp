#include "admin/state/slot.hpp"

#include <algorithm>
#include <cstring>

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::state;

namespace {

const std::string life = "0123456789abcdef0123456789abcdef";
const std::string other_life = "fedcba9876543210fedcba9876543210";

SlotValue example() {
  SlotValue value;
  value.epoch = 0x0102030405060708;
  value.active = Color::green;
  value.last = LastSwitch::promotion;
  value.restated = true;
  value.flip = "01JD8XYZABCDEFGHJKMNPQRSTV";
  value.release = "v1.3";
  value.from_release = "v1.2";
  value.wall_us = 1'795'362'083'000'042;
  return value;
}

}  // namespace

TEST_CASE("crc32c gives the check value of its standard") {
  const std::string digits = "123456789";
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(digits.data());
  CHECK(crc32c({bytes, digits.size()}) == 0xE3069283u);
  CHECK(crc32c({}) == 0u);
}

TEST_CASE("a slot comes back as it was written") {
  const auto slot = decode_slot(encode_slot(example(), 77, life, "shop"), life, "shop");
  REQUIRE(slot);
  CHECK(slot->value == example());
  CHECK(slot->sequence == 77);
}

TEST_CASE("names that are too long are cut, the decision is kept") {
  auto value = example();
  value.release = std::string(1000, 'r');
  value.from_release = std::string(1000, 'f');
  const std::string service(63, 's');
  const auto slot = decode_slot(encode_slot(value, 1, life, service), life, service);
  REQUIRE(slot);
  CHECK(slot->value.release == std::string(127, 'r'));
  CHECK(slot->value.from_release == std::string(127, 'f'));
  CHECK(slot->value.epoch == value.epoch);
  CHECK(slot->value.active == Color::green);
}

TEST_CASE("a slot of another life, of another service or of a wrong size is none") {
  const auto bytes = encode_slot(example(), 1, life, "shop");
  CHECK_FALSE(decode_slot(bytes, other_life, "shop"));
  CHECK_FALSE(decode_slot(bytes, life, "shop2"));
  CHECK_FALSE(decode_slot(std::span(bytes).first(511), life, "shop"));
  CHECK_FALSE(decode_slot(SlotBytes{}, life, "shop"));
}

TEST_CASE("any damaged byte makes the slot invalid") {
  const auto good = encode_slot(example(), 1, life, "shop");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto bad = good;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ 1 << bit);
      INFO("byte " << at << " bit " << bit);
      REQUIRE_FALSE(decode_slot(bad, life, "shop"));
    }
  }
}

TEST_CASE("values out of range are refused even under a good checksum") {
  for (const std::size_t at : {std::size_t{28}, std::size_t{29}, std::size_t{8}}) {
    auto bytes = encode_slot(example(), 1, life, "shop");
    bytes[at] = 9;
    const std::uint32_t crc = crc32c(std::span(bytes).first(508));
    std::memcpy(bytes.data() + 508, &crc, 4);
    INFO("byte " << at);
    CHECK_FALSE(decode_slot(bytes, life, "shop"));
  }
}
