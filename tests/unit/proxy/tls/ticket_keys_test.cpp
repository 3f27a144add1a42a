#include "proxy/tls/ticket_keys.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using tls::TicketKeys;

namespace {
constexpr Nanos second = 1'000'000'000;

TicketKeys::Found found(TicketKeys& keys, Nanos now, const TicketKeys::Key& key) {
  TicketKeys::Key out;
  return keys.find(now, key.name.data(), out);
}
}  // namespace

TEST_CASE("a key seals for one rotation and opens for two more") {
  TicketKeys keys(10 * second);
  TicketKeys::Key first, second_key, third;
  REQUIRE(keys.newest(100 * second, first));
  REQUIRE(keys.newest(109 * second, second_key));
  CHECK(first.name == second_key.name);
  CHECK(found(keys, 109 * second, first) == TicketKeys::Found::newest);
  REQUIRE(keys.newest(110 * second, second_key));
  CHECK(first.name != second_key.name);
  CHECK(first.cipher != second_key.cipher);
  CHECK(first.mac != second_key.mac);
  CHECK(found(keys, 110 * second, first) == TicketKeys::Found::older);
  REQUIRE(keys.newest(120 * second, third));
  CHECK(found(keys, 129 * second, first) == TicketKeys::Found::older);
  CHECK(found(keys, 129 * second, second_key) == TicketKeys::Found::older);
  CHECK(found(keys, 129 * second, third) == TicketKeys::Found::newest);
  CHECK(found(keys, 130 * second, first) == TicketKeys::Found::no);
  CHECK(found(keys, 130 * second, second_key) == TicketKeys::Found::older);
}

TEST_CASE("keys grow old while nobody comes") {
  TicketKeys keys(10 * second);
  TicketKeys::Key first, later;
  REQUIRE(keys.newest(100 * second, first));
  CHECK(found(keys, 500 * second, first) == TicketKeys::Found::no);
  REQUIRE(keys.newest(500 * second, later));
  CHECK(found(keys, 500 * second, later) == TicketKeys::Found::newest);
}

TEST_CASE("a shorter rotation takes effect at once") {
  TicketKeys keys(1000 * second);
  TicketKeys::Key first;
  REQUIRE(keys.newest(100 * second, first));
  keys.set_rotation(10 * second);
  keys.rotate(115 * second);
  CHECK(found(keys, 115 * second, first) == TicketKeys::Found::older);
  CHECK(found(keys, 130 * second, first) == TicketKeys::Found::no);
}
