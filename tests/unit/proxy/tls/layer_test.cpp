#include "proxy/tls/layer.hpp"

#include "tests/unit/proxy/tls/tls_fixtures.hpp"

using namespace switchback;
using namespace switchback::tls;
using namespace switchback::tls::test;

namespace {

std::string pattern(std::size_t bytes) {
  std::string out(bytes, '\0');
  std::uint32_t state = 12345;
  for (char& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

// Carries both texts to their other ends at once.
void exchange(Wire& wire, const std::string& up, const std::string& down, std::size_t step,
              std::size_t piece) {
  for (int turn = 0; turn < 2'000'000; ++turn) {
    wire.client->pour(up, piece);
    wire.server->pour(down, piece);
    wire.relay(step);
    wire.client->drink();
    wire.server->drink();
    if (wire.server->received.size() >= up.size() && wire.client->received.size() >= down.size()) {
      break;
    }
  }
  // Compared as truths: a failed comparison of megabytes is no message for people.
  CHECK((wire.server->received == up));
  CHECK((wire.client->received == down));
  CHECK(wire.client->poured == up.size());
}

}  // namespace

TEST_CASE("a handshake is completed however its bytes are cut") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const std::size_t step = GENERATE(1, 2, 5, 6, 100, 1 << 20);
  Wire wire(version);
  wire.shake(step);
  CHECK(SSL_version(wire.server->layer().ssl()) == version);
  exchange(wire, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", step, 7);
}

TEST_CASE("large bodies go both ways at once through small socket buffers, in pieces of any size") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const std::size_t piece = GENERATE(100, 4096, 16384, 131072);
  Wire wire(version, true);
  wire.shake(1 << 20);
  exchange(wire, pattern(700'000), pattern(900'001), 3000, piece);
  CHECK(wire.reactor.buffers().lent_bytes() == 0);  // nothing is held once all is over
}

TEST_CASE("a reader that takes nothing holds a bounded amount of ciphertext") {
  Wire wire(TLS1_3_VERSION, true);
  wire.shake(1 << 20);
  const std::string body = pattern(8 << 20);
  for (int turn = 0; turn < 50; ++turn) {
    wire.server->pour(body, 100'000);
    wire.reactor.run_turn(false);
  }
  CHECK(wire.server->poured < body.size());
  CHECK(wire.reactor.buffers().lent_bytes() <= net::large_buffer_bytes);
  const std::size_t before = wire.reactor.buffers().lent_bytes();
  for (int turn = 0; turn < 100'000 && wire.client->received.size() < body.size(); ++turn) {
    wire.server->pour(body, 100'000);
    wire.relay(10'000);
    wire.client->drink();
  }
  CHECK(before > 0);
  CHECK((wire.client->received == body));
  CHECK(wire.reactor.buffers().lent_bytes() == 0);
}

TEST_CASE("a reader with little room gets the rest without the socket") {
  Wire wire(TLS1_3_VERSION);
  wire.shake(1 << 20);
  const std::string text = pattern(50'000);
  REQUIRE(wire.client->pour(text, 50'000));
  wire.relay(1 << 20);
  wire.server->drink(100);
  CHECK((wire.server->received == text));
  CHECK_FALSE(wire.server->stream.readable());
  CHECK(wire.reactor.buffers().lent_bytes() == 0);
}

TEST_CASE("records are small at first and full once the connection streams") {
  Wire wire(TLS1_3_VERSION);
  wire.shake(1 << 20);
  while (wire.relay(1 << 20) > 0) wire.client->drink();
  REQUIRE(wire.server->pour(pattern(100'000), 100'000));
  std::string cipher(200'000, '\0');
  const ssize_t n = ::recv(wire.server_wire(), cipher.data(), cipher.size(), MSG_DONTWAIT);
  std::vector<std::size_t> records;
  for (std::size_t at = 0; at + 5 <= static_cast<std::size_t>(n);) {
    const std::size_t bytes = static_cast<unsigned char>(cipher[at + 3]) * 256u +
                              static_cast<unsigned char>(cipher[at + 4]);
    records.push_back(bytes);
    at += 5 + bytes;
  }
  REQUIRE(records.size() == 13);  // 8 of 4 KiB, 4 of 16 KiB, the rest
  CHECK(records.front() == 4096 + 17);
  CHECK(records[7] == 4096 + 17);
  CHECK(records[8] == 16384 + 17);
}

TEST_CASE("close_notify is an end, a socket that just ends is an error") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const bool orderly = GENERATE(true, false);
  Wire wire(version);
  wire.shake(1 << 20);
  while (wire.relay(1 << 20) > 0) wire.client->drink();
  REQUIRE(wire.server->pour("the end", 100));
  if (orderly) wire.server->stream.shutdown_write();
  wire.relay(1 << 20);
  ::shutdown(wire.client_wire(), SHUT_WR);
  wire.reactor.run_turn(false);
  wire.client->drink();
  CHECK(wire.client->received == "the end");
  CHECK(wire.client->last.status == (orderly ? net::IoStatus::end : net::IoStatus::error));
}

TEST_CASE("after our close_notify the peer may go on") {
  Wire wire(TLS1_3_VERSION);
  wire.shake(1 << 20);
  while (wire.relay(1 << 20) > 0) wire.client->drink();
  wire.server->layer().end_write(wire.server->stream);
  REQUIRE(wire.client->pour("still here", 100));
  wire.relay(1 << 20);
  wire.server->drink();
  CHECK(wire.server->received == "still here");
  const iovec piece{const_cast<char*>("x"), 1};
  CHECK(wire.server->stream.write({&piece, 1}).status == net::IoStatus::error);
}

TEST_CASE("a record that was tampered with is an error, and nothing of it is given out") {
  Wire wire(TLS1_3_VERSION);
  wire.shake(1 << 20);
  while (wire.relay(1 << 20) > 0) wire.client->drink();
  REQUIRE(wire.server->pour("good bytes", 100));
  char record[200];
  const ssize_t n = ::recv(wire.server_wire(), record, sizeof record, MSG_DONTWAIT);
  REQUIRE(n > 20);
  record[n - 3] = static_cast<char>(record[n - 3] ^ 1);
  REQUIRE(::send(wire.client_wire(), record, static_cast<std::size_t>(n), MSG_NOSIGNAL) == n);
  wire.reactor.run_turn(false);
  wire.client->drink();
  CHECK(wire.client->received.empty());
  CHECK(wire.client->last.status == net::IoStatus::error);
  CHECK(wire.client->last.error_number == EPROTO);
}

TEST_CASE("first bytes that are no handshake are told apart") {
  const auto [text, failure] = GENERATE(table<std::string, Failure>(
      {{"GET / HTTP/1.1\r\n\r\n", Failure::plain_http},
       {"DELETE /x HTTP/1.1\r\n", Failure::plain_http},
       {std::string("\x80\x2e\x01\x00\x02", 5), Failure::not_tls},
       {std::string("\x00\x00\x00", 3), Failure::not_tls},
       {std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9), Failure::protocol},
       {std::string("\x16\x02\x00\x00\x02zz", 7), Failure::version}}));
  Wire wire(TLS1_3_VERSION);
  REQUIRE(::send(wire.server_wire(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
  wire.reactor.run_turn(false);
  wire.server->shake();
  CHECK(wire.server->status == HandshakeStatus::failed);
  CHECK(name_of(wire.server->layer().failure()) == name_of(failure));
  CHECK(wire.reactor.buffers().lent_bytes() == 0);
}

TEST_CASE("a peer that goes away, and one with no version in common") {
  SECTION("away") {
    Wire wire(TLS1_3_VERSION);
    ::shutdown(wire.server_wire(), SHUT_WR);
    wire.reactor.run_turn(false);
    wire.server->shake();
    CHECK(wire.server->layer().failure() == Failure::peer_closed);
  }
  SECTION("version") {
    Wire wire(TLS1_3_VERSION);
    SSL_set_max_proto_version(wire.client->layer().ssl(), TLS1_2_VERSION);
    wire.client->shake();
    wire.relay(1 << 20);
    wire.server->shake();
    CHECK(wire.server->layer().failure() == Failure::version);
    wire.relay(1 << 20);
    wire.client->shake();
    CHECK(wire.client->status == HandshakeStatus::failed);  // the alert came through
  }
}
