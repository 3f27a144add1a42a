// WebSockets at a flip: untouched, then closed between two frames both ways, then cut.
#include "tests/integration/tunnels.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using drain::Outcome;
using http::Reason;
using std::chrono::milliseconds;

namespace {

// Echoes every message behind its own number, and a second one without being asked, until a Close,
// which it answers as RFC 6455 §5.5.1 wants. Throws when a number is missing or doubled.
void count_and_echo(WebSocketPeer& peer) {
  std::uint64_t said = 0;
  std::string next;
  for (std::uint64_t heard = 0;; ++heard) {
    const auto message = peer.read_message();
    if (!message) break;
    if (std::stoull(*message) != heard) throw std::runtime_error("server heard " + *message);
    peer.send_text(std::to_string(said++) + " " + *message);
    peer.send(ws_ping, "beat");
    const std::string second = std::to_string(said++);
    peer.send(ws_text, second.substr(0, 1), false);  // in fragments
    peer.send(ws_continuation, second.substr(1));
  }
  if (peer.close_code() == 0) throw std::runtime_error("server saw no Close");
  if (peer.close_code() != 1012 && peer.close_code() != 1000) {
    throw std::runtime_error("server saw " + std::to_string(peer.close_code()));
  }
  peer.send_close(peer.close_code());
}

std::string padded(std::uint64_t number, std::size_t size) {
  std::string text = std::to_string(number);
  return text + std::string(size > text.size() ? size - text.size() : 0, ' ');
}

// A client that counts too, and comes again when it is told 1012.
class CountingClient {
 public:
  explicit CountingClient(std::string address) : address_(std::move(address)) {}
  void run(const std::atomic<bool>& stop) {
    try {
      while (!stop) session(stop);
    } catch (const std::exception& problem) {
      fault = problem.what();
    }
  }
  std::string fault;
  std::uint64_t messages = 0, closes = 0;

 private:
  void session(const std::atomic<bool>& stop) {
    WebSocketPeer peer = WebSocketPeer::connect(address_);
    std::uint64_t sent = 0, heard = 0;
    while (true) {
      const std::size_t size = sent % 7 == 6 ? 70'000 : sent % 3 == 2 ? 300 : 5;
      if (stop) {
        peer.send_close(1000);
      } else if (sent % 5 == 4) {
        const std::string text = padded(sent, size);
        peer.send(ws_text, text.substr(0, 3), false);
        peer.send(ws_ping, "between");
        peer.send(ws_continuation, text.substr(3));
      } else {
        peer.send_text(padded(sent, size));
      }
      const bool over = !expect(peer, sent, heard);
      if (over) break;
      ++sent;
      messages += 3;
    }
    if (peer.close_code() == 1012) {
      ++closes;
      peer.send_close(1012);
    } else if (!stop || peer.close_code() != 1000) {
      throw std::runtime_error("client saw " + std::to_string(peer.close_code()));
    }
    if (!peer.wait_for_end()) throw std::runtime_error("no orderly end behind the Close");
  }
  // The two messages that follow on one; false: a Close came instead.
  bool expect(WebSocketPeer& peer, std::uint64_t sent, std::uint64_t& heard) {
    for (const bool echo : {true, false}) {
      const auto got = peer.read_message();
      if (!got) return false;
      std::string want = std::to_string(heard);
      if (echo) want += " " + std::to_string(sent);
      if (got->substr(0, want.size()) != want) throw std::runtime_error("client heard " + *got);
      ++heard;
    }
    return true;
  }
  const std::string address_;
};

struct Flipped {
  explicit Flipped(WebSocketServer::Script script, milliseconds websocket, std::string fields = "")
      : blue("blue", script, fields), green("green", script, fields) {
    config::Service service = service_of("shop", {blue.address()}, {green.address()});
    service.drain.websocket = websocket;
    plane = std::make_unique<Plane>(service);
  }
  WebSocketPeer connect() { return WebSocketPeer::connect(plane->address()); }
  std::uint64_t sent(std::size_t side) {
    return tunnel_count(
        *plane, Color::blue, [=](auto& t) -> auto& { return t.closes_sent[side]; });
  }
  std::uint64_t answered(std::size_t side) {
    return tunnel_count(
        *plane, Color::blue, [=](auto& t) -> auto& { return t.closes_answered[side]; });
  }
  std::uint64_t cut() {
    return tunnel_count(
        *plane, Color::blue, [](auto& t) -> auto& { return t.cut; });
  }
  WebSocketServer blue, green;
  std::unique_ptr<Plane> plane;
};

void answer_close(WebSocketPeer& peer) {
  while (peer.read_message()) {
  }
  if (peer.close_code() != 0) peer.send_close(peer.close_code());
}

}  // namespace

TEST_CASE("numbered messages through flips: none lost, none doubled, closed with 1012",
          "[websocket]") {
  WebSocketServer blue("blue", count_and_echo), green("green", count_and_echo);
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
  service.drain.websocket = milliseconds(250);  // also the time to answer in, on a busy machine
  Plane plane(service, 2);
  constexpr std::size_t count = 12;
  std::atomic<bool> stop{false};
  std::vector<CountingClient> clients(count, CountingClient(plane.address()));
  std::vector<std::thread> threads;
  for (auto& client : clients) threads.emplace_back([&] { client.run(stop); });
  std::uint64_t forced = 0;
  for (int flip = 0; flip < 6; ++flip) {
    const Color from = flip % 2 == 0 ? Color::blue : Color::green;
    const auto tunnel = static_cast<std::size_t>(drain::TrafficClass::tunnel);
    CHECK(until([&] { return plane.view().pools[index_of(from)].in_flight[tunnel] == count; }));
    const auto record = plane.flip(other(from));
    REQUIRE(record);
    REQUIRE(plane.drained(record));
    CHECK(adds_up(record));
    CHECK(tunnels_accepted(record) == count);
    CHECK(tunnels_ended(record, Outcome::forced) == count);
    forced += tunnels_ended(record, Outcome::forced);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  std::uint64_t closes = 0, messages = 0;
  for (const auto& client : clients) {
    CHECK(client.fault == "");
    closes += client.closes;
    messages += client.messages;
  }
  CHECK(closes == forced);
  CHECK(messages > count * 6);
  CHECK(blue.faults().empty());
  CHECK(green.faults().empty());
  CHECK(until([&] { return plane.quiet(); }));
  for (const Color color : {Color::blue, Color::green}) {
    CHECK(tunnel_count(
              plane, color, [](auto& t) -> auto& { return t.cut; }) == 0);
    CHECK(tunnel_count(
              plane, color, [](auto& t) -> auto& { return t.not_followed; }) == 0);
    CHECK(tunnel_count(
              plane, color, [](auto& t) -> auto& { return t.closes_answered[0]; }) == forced / 2);
    CHECK(tunnel_count(
              plane, color, [](auto& t) -> auto& { return t.closes_answered[1]; }) == forced / 2);
  }
}

TEST_CASE("the way whose frame is on its way waits for its end, the other does not",
          "[websocket]") {
  Signal closed;
  std::string last;
  unsigned code = 0;
  Flipped two(
      [&](WebSocketPeer& peer) {
        while (auto message = peer.read_message()) last = *message;
        code = peer.close_code();
        peer.send_close(code);
        closed.set();
      },
      milliseconds(1500));
  WebSocketPeer client = two.connect();
  const std::string text = body_of(100'000);  // a 64-bit length
  const std::string frame = client.bytes(ws_text, text);
  client.stream().send(std::string_view(frame).substr(0, 40'000));
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  // The client is told while its own frame is unfinished, and ends that before it answers.
  CHECK_FALSE(client.read_message());
  CHECK(client.close_code() == 1012);
  CHECK(two.sent(0) == 1);
  CHECK(two.sent(1) == 0);
  client.stream().send(std::string_view(frame).substr(40'000));
  client.send_close(1012);
  closed.wait();
  CHECK(last == text);
  CHECK(code == 1012);
  CHECK(client.wait_for_end());
  REQUIRE(two.plane->drained(record));
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(two.cut() == 0);
}

TEST_CASE("with permessage-deflate frames are frames", "[websocket]") {
  Signal closed;
  std::vector<WebSocketFrame> got;
  Flipped two(
      [&](WebSocketPeer& peer) {
        while (auto frame = peer.read_frame()) {
          got.push_back(*frame);
          if (frame->opcode == ws_close) break;
        }
        peer.send_close(1012);
        closed.set();
      },
      milliseconds(400), "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  WebSocketPeer client = two.connect();
  client.stream().send(websocket_bytes({ws_text, "\xf2\x48\xcd\xc9\xc9\x07", true, true, 4}));
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  CHECK_FALSE(client.read_message());
  CHECK(client.close_code() == 1012);
  client.send_close(1012);
  closed.wait();
  REQUIRE(two.plane->drained(record));
  REQUIRE(got.size() == 2);
  CHECK(got[0].rsv == 4);
  CHECK(got[1].code() == 1012);
  CHECK(tunnel_count(
            *two.plane, Color::blue, [](auto& t) -> auto& { return t.not_followed; }) == 0);
}

TEST_CASE("ends that do not answer their Close are cut, and the receipt says so", "[websocket]") {
  const int who = GENERATE(0, 1, 2);  // client, server, both
  CAPTURE(who);
  Flipped two(
      [&](WebSocketPeer& peer) {
        if (who == 0) return answer_close(peer);
        while (peer.read_frame()) {
        }
      },
      milliseconds(400));
  WebSocketPeer client = two.connect();
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  CHECK_FALSE(client.read_message());
  CHECK(client.close_code() == 1012);
  if (who == 1) client.send_close(1012);
  REQUIRE(two.plane->drained(record));
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(adds_up(record));
  CHECK(two.cut() == 1);
  CHECK(two.answered(0) == (who == 1));
  CHECK(two.answered(1) == (who == 0));
  CHECK(client.wait_for_end());  // an end, not a reset: it had been told
}

TEST_CASE("a reader that stands still does not keep the other way from its Close", "[websocket]") {
  Signal full, server_closed;
  Flipped two(
      [&](WebSocketPeer& peer) {
        peer.stream().send_until_blocked(peer.bytes(ws_binary, body_of(50'000)), milliseconds(60));
        full.set();
        while (peer.read_message()) {
        }
        if (peer.close_code() == 1012) server_closed.set();  // its answer would not get through
        peer.stream().read_to_end();
      },
      milliseconds(60));
  WebSocketPeer client = two.connect();
  full.wait();
  client.send_text("still heard");
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  server_closed.wait();
  REQUIRE(two.plane->drained(record));
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(two.cut() == 1);
  CHECK(two.sent(0) == 0);
  CHECK(two.sent(1) == 1);
}

TEST_CASE("a reader that wakes up in time gets all frames and then its Close", "[websocket]") {
  Signal full, server_closed;
  std::atomic<std::size_t> whole{0};
  constexpr std::size_t size = 50'000;
  Flipped two(
      [&](WebSocketPeer& peer) {
        const std::string frame = peer.bytes(ws_binary, body_of(size));
        whole = peer.stream().send_until_blocked(frame, milliseconds(60));
        full.set();
        while (peer.read_message()) {
        }
        server_closed.set();
        peer.stream().try_send(peer.bytes(ws_close, "\x03\xf4"));
      },
      milliseconds(2000));
  WebSocketPeer client = two.connect();
  full.wait();
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  server_closed.wait();
  std::size_t frames = 0;
  // The server's last frame may have been sent in part only (its end then never comes).
  std::optional<std::string> message;
  while ((message = client.read_message())) {
    CHECK(*message == body_of(size));
    ++frames;
  }
  CHECK(frames > 0);
  CHECK(frames <= whole / size);
  REQUIRE(two.plane->drained(record));
  CHECK(adds_up(record));
}

TEST_CASE("who has begun to close is left to finish", "[websocket]") {
  Signal heard, answer;
  Flipped two(
      [&](WebSocketPeer& peer) {
        while (peer.read_message()) {
        }
        heard.set();
        answer.wait();
        peer.send_close(1000);
      },
      milliseconds(1000));
  WebSocketPeer client = two.connect();
  client.send_close(1000);
  heard.wait();
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  // Its moment passes, and nothing may come of it; its cap is as far off again.
  CHECK(until([&] { return monotonic_ns() > record->switched_ns() + 1'050'000'000; }));
  answer.set();
  CHECK_FALSE(client.read_message());
  CHECK(client.close_code() == 1000);
  client.stream().close();
  REQUIRE(two.plane->drained(record));
  CHECK(tunnels_ended(record, Outcome::completed) == 1);
  CHECK(two.sent(0) + two.sent(1) == 0);
}

TEST_CASE("a rollback during the drain leaves tunnels that were not told alone", "[websocket]") {
  Flipped two(
      [](WebSocketPeer& peer) {
        while (auto message = peer.read_message()) peer.send_text(*message);
        peer.send_close(1000);
      },
      milliseconds(100));
  WebSocketPeer client = two.connect();
  client.send_text("before");
  CHECK(client.read_message() == "before");
  const auto there = two.plane->flip(Color::green);
  const auto back = two.plane->flip(Color::blue);
  REQUIRE(back);
  CHECK(until([&] { return monotonic_ns() > back->switched_ns() + 400'000'000; }));
  client.send_text("after");
  CHECK(client.read_message() == "after");
  CHECK(tunnels_accepted(there) == 1);
  CHECK_FALSE(there->drained());
  client.send_close(1000);
  CHECK_FALSE(client.read_message());
  client.stream().close();
  REQUIRE(two.plane->drained(there));
  CHECK(tunnels_ended(there, Outcome::completed) == 1);
  CHECK(adds_up(there));
  CHECK(adds_up(back));
}

TEST_CASE("frames that break the rules pass, and such a tunnel just ends", "[websocket]") {
  Signal done;
  std::string got;
  Flipped two(
      [&](WebSocketPeer& peer) {
        got = peer.stream().read_to_end();
        done.set();
      },
      milliseconds(400));
  WebSocketPeer client = two.connect();
  const std::string bad = "\x81\x03 not masked";
  client.stream().send(bad);
  CHECK(until([&] {
    return tunnel_count(
               *two.plane, Color::blue, [](auto& t) -> auto& { return t.not_followed; }) == 1;
  }));
  const auto record = two.plane->flip(Color::green);
  REQUIRE(record);
  done.wait();
  CHECK(got == bad);
  CHECK_FALSE(client.read_message());
  CHECK(client.close_code() == 1012);  // the server's frames could be followed
  client.stream().close();
  REQUIRE(two.plane->drained(record));
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(two.cut() == 0);
}

TEST_CASE("a 101 in a drain is a tunnel of that drain, however late", "[websocket]") {
  const bool late = GENERATE(false, true);  // all tunnels' deadlines have passed
  CAPTURE(late);
  Signal asked, answer;
  TestServerOptions options;
  options.raw = [&](RawClient& stream) {
    const std::string head = stream.read_head();
    asked.set();
    answer.wait();
    stream.send(WebSocketPeer::answer(head, "X-Served-By: blue\r\n") +
                websocket_bytes({ws_text, "behind the 101"}));
    std::string buffer;
    for (std::string more; !(more = stream.read_some()).empty();) buffer += more;
  };
  TestServer blue(options), green("green");
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
  service.drain.websocket = late ? milliseconds(20) : milliseconds(400);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(WebSocketPeer::request("/"));
  asked.wait();
  const auto record = plane.flip(Color::green);
  REQUIRE(record);
  if (late) CHECK(until([&] { return monotonic_ns() > record->switched_ns() + 60'000'000; }));
  answer.set();
  CHECK_THAT(client.read_head(), ContainsSubstring("101"));
  CHECK(client.read_exact(16) == websocket_bytes({ws_text, "behind the 101"}));
  CHECK(client.read_exact(4) == "\x88\x11\x03\xf4");
  client.close();
  REQUIRE(plane.drained(record));
  CHECK(tunnels_accepted(record) == 1);
  CHECK(record->counts()[0].accepted == 0);
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(adds_up(record));
}
