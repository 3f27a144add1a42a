// One worker's mirroring without sockets: a pool and a server's side that do what the test says.
#include "proxy/mirror/mirror.hpp"

#include "proxy/mirror/runs.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using exchange::TapEnd;
using mirror::Drop;
using mirror::Skip;
using mirror::Verdict;

namespace {

struct FakeUpstream final : exchange::Upstream {
  exchange::SendResult send_request(const http::RequestHead& head,
                                    const http::RequestAdditions& with,
                                    const exchange::BodyPiece& piece) override {
    sent += std::string(head.target) + (with.mirrored ? " mirrored" : "") + (piece.end ? "." : "");
    return exchange::SendResult::sent;
  }
  exchange::SendResult send_body(const exchange::BodyPiece&) override {
    return exchange::SendResult::failed;
  }
  void resume_response() override { ++resumed; }
  void begin_tunnel() override {}
  void release(bool reusable) override { ++(reusable ? kept : closed); }
  void timed_out(http::Reason) override {}
  bool reused() const override { return true; }
  void make_private(exchange::Reservations*) override {}
  bool verify_idle() override { return !stale; }
  std::string_view server() const override { return "standby:1"; }
  std::string sent;
  int resumed = 0, kept = 0, closed = 0;
  bool stale = false;
};

struct FakePool final : exchange::UpstreamPool {
  exchange::Acquired acquire(exchange::UpstreamUser& asked,
                             const exchange::AcquireWish& wish) override {
    ++acquired;
    user = &asked;
    if (wish.fresh) server.stale = false;
    if (empty) return {};
    return {exchange::AcquireStatus::ready, &server, this};
  }
  FakeUpstream server;
  exchange::UpstreamUser* user = nullptr;
  int acquired = 0;
  bool empty = false;
};

struct World {
  World() {
    context.stats = &worker_stats;
    service.name = "shop";
    service.mirror.percent = 100;
    service.mirror.in_flight = 2;
    service.mirror.body = 8;
    service.mirror.methods = {"GET", "PUT", "LOCK"};
    for (FakePool& pool : pools) runtime.pools[static_cast<std::size_t>(&pool - pools)] = &pool;
    mirror.configure(runs.configure(service, {Color::blue, false, 7}));
    head.method = http::Method::get;
    head.method_text = "GET";
    head.target = "/a";
    head.authority = "shop";
  }
  ~World() { mirror.stop(); }
  exchange::Tap* begin(bool whole = true) {
    exchange::Tap* tap = runtime.taps->begin({.head = head,
                                              .additions = additions,
                                              .color = Color::blue,
                                              .epoch = epoch,
                                              .whole = whole,
                                              .preview = preview,
                                              .waited = waited});
    if (tap) tap->hold(place = tap);
    return tap;
  }
  void turn() { reactor.run_turn(false); }
  static void answer(auto& side, auto call, unsigned status, std::string body) {
    http::ResponseHead answer_head;
    answer_head.status = status;
    iovec slice{body.data(), body.size()};
    const exchange::BodyPiece piece{&slice, 1, body.size(), nullptr, true, {}};
    call(side, &answer_head, piece);
  }
  void original(unsigned status, const std::string& body) {
    answer(
        *place, [](exchange::Tap& t, auto* h, auto& p) { t.on_answer(h, p); }, status, body);
  }
  void standby(unsigned status, const std::string& body) {
    answer(
        *pools[1].user, [](exchange::UpstreamUser& u, auto* h, auto& p) { u.on_response(h, p); },
        status, body);
  }
  mirror::CountsView seen() { return runs.view("shop", 0)->run; }
  std::uint64_t skipped(Skip why) { return seen().skipped[static_cast<std::size_t>(why)]; }
  std::uint64_t dropped(Drop why) { return seen().drops[static_cast<std::size_t>(why)]; }
  std::uint64_t in_flight() { return runs.view("shop", 0)->in_flight; }

  net::Reactor reactor;
  stats::WorkerStats worker_stats;
  exchange::WorkerContext context{reactor};
  exchange::ServiceRuntime runtime{0, [](const auto&) {}};
  FakePool pools[2];
  mirror::Runs runs{1};
  mirror::Mirror mirror{context, runtime, 0};
  config::Service service;
  http::RequestHead head;
  http::RequestAdditions additions;
  exchange::Tap* place = nullptr;
  std::uint64_t epoch = 7;
  bool preview = false, waited = false;
};

}  // namespace

TEST_CASE(
    "a copy starts behind the turn's events, goes to the standby and is judged when both ended") {
  World w;
  REQUIRE(w.begin());
  CHECK(w.pools[1].acquired == 0);
  CHECK(w.seen().copies == 0);
  w.turn();
  CHECK(w.pools[0].acquired == 0);
  CHECK(w.pools[1].server.sent == "/a mirrored.");
  SECTION("the standby is first") {
    w.standby(200, "x");
    CHECK(w.in_flight() == 1);
    w.original(200, "x");
  }
  SECTION("the original is first") {
    w.original(200, "x");
    CHECK(w.place == nullptr);  // the exchange is told nothing more and tells nothing more
    w.standby(200, "x");
  }
  CHECK(w.seen().of(Verdict::equal) == 1);
  CHECK(w.pools[1].server.kept == 1);
  CHECK(w.in_flight() == 0);
  CHECK(w.place == nullptr);
  CHECK(w.reactor.buffers().lent_bytes() == 0);
}

TEST_CASE("an original that is answered before the copy started is compared all the same") {
  World w;
  REQUIRE(w.begin());
  w.original(200, "x");
  w.turn();
  w.standby(500, "x");
  CHECK(w.seen().of(Verdict::status) == 1);
}

TEST_CASE("in_flight is a bound, and slots come back") {
  World w;
  REQUIRE(w.begin());
  exchange::Tap* const first = w.place;
  REQUIRE(w.begin());
  CHECK_FALSE(w.begin());
  CHECK(w.skipped(Skip::busy) == 1);
  first->let_go();
  first->on_exchange_end(TapEnd::client_gone);
  CHECK(w.skipped(Skip::unfinished) == 1);  // it had not started
  CHECK(w.in_flight() == 1);
  CHECK(w.begin());
}

TEST_CASE("a body is gathered, and a longer one than said gives the copy up") {
  World w;
  w.head.body = http::BodyKind::length;
  w.head.content_length = 8;
  REQUIRE(w.begin(false));
  std::string bytes = "12345678";
  iovec slice{bytes.data(), bytes.size()};
  exchange::BodyPiece piece{&slice, 1, bytes.size(), nullptr, false, {}};
  w.place->on_request_body(piece);
  w.turn();
  CHECK(w.pools[1].acquired == 0);
  SECTION("whole") {
    exchange::BodyPiece end;
    end.end = true;
    w.place->on_request_body(end);
    w.turn();
    CHECK(w.pools[1].acquired == 1);
  }
  SECTION("too long") {
    w.place->on_request_body(piece);
    CHECK(w.skipped(Skip::body) == 1);
    CHECK(w.place == nullptr);
  }
  SECTION("answered early") {
    w.original(413, "");
    CHECK(w.skipped(Skip::unfinished) == 1);
  }
}

TEST_CASE("a kept connection that went stale is no fault of the standby") {
  World w;
  w.pools[1].server.stale = true;
  REQUIRE(w.begin());
  w.turn();
  CHECK(w.pools[1].acquired == 2);
  CHECK(w.pools[1].server.closed == 1);
  CHECK(w.seen().copies == 1);
}

TEST_CASE("no server, a switch, a preview, a wait, an unlisted method: not copied") {
  World w;
  SECTION("no server") {
    w.pools[1].empty = true;
    REQUIRE(w.begin());
    w.turn();
    CHECK(w.skipped(Skip::no_server) == 1);
    CHECK(w.place == nullptr);
    return;
  }
  SECTION("switch") {
    w.epoch = 8;
  }
  SECTION("preview") {
    w.preview = true;
  }
  SECTION("wait") {
    w.waited = true;
  }
  SECTION("method") {
    w.head.method = http::Method::other;
    w.head.method_text = "UNLOCK";
  }
  CHECK_FALSE(w.begin());
  CHECK(w.skipped(Skip::switching) + w.skipped(Skip::preview) + w.skipped(Skip::paused) +
            w.skipped(Skip::method) ==
        1);
}

TEST_CASE("a method of its own name may be listed") {
  World w;
  w.head.method = http::Method::other;
  w.head.method_text = "LOCK";
  CHECK(w.begin());
}

TEST_CASE("what the exchange says at its end decides") {
  World w;
  REQUIRE(w.begin());
  w.turn();
  exchange::Tap* const tap = w.place;
  tap->let_go();
  SECTION("failed") {
    tap->on_exchange_end(TapEnd::failed);
    CHECK(w.seen().of(Verdict::original_failed) == 1);
  }
  SECTION("moved") {
    tap->on_exchange_end(TapEnd::moved);
    CHECK(w.dropped(Drop::moved) == 1);
  }
  CHECK(w.pools[1].server.closed == 1);
  CHECK(w.in_flight() == 0);
}

TEST_CASE("a failed copy waits to see whether the original is answered") {
  World w;
  REQUIRE(w.begin());
  w.turn();
  w.pools[1].user->on_upstream_failed(http::Reason::server_closed, 0);
  CHECK(w.seen().of(Verdict::copy_failed) == 0);
  w.original(200, "x");
  CHECK(w.seen().of(Verdict::copy_failed) == 1);
  CHECK(w.in_flight() == 0);
}

TEST_CASE("a long answer is read a piece at a time, a few a turn") {
  World w;
  REQUIRE(w.begin());
  w.turn();
  std::string bytes(100, 'x');
  iovec slice{bytes.data(), bytes.size()};
  const exchange::BodyPiece piece{&slice, 1, bytes.size(), nullptr, false, {}};
  http::ResponseHead head;
  head.status = 200;
  CHECK(w.pools[1].user->on_response(&head, piece) == exchange::Flow::pause);
  CHECK(w.pools[1].server.resumed == 0);
  w.turn();
  CHECK(w.pools[1].server.resumed == 1);
  CHECK(w.pools[1].user->on_response(nullptr, piece) == exchange::Flow::pause);
  w.mirror.stop();  // while it waits
  w.turn();
  CHECK(w.pools[1].server.resumed == 1);
  CHECK(w.place == nullptr);
  CHECK(w.runtime.taps == nullptr);
}

TEST_CASE("a run of an older snapshot does not come back after a switch") {
  World w;
  const mirror::Setup old = w.runs.configure(w.service, {Color::blue, false, 7});
  w.mirror.begin_run(w.runs.switched("shop", {Color::green, false, 8}));
  w.mirror.configure(old);  // a name's addresses changed: the snapshot is the one before the switch
  w.epoch = 8;
  CHECK_FALSE(w.begin());  // blue is the standby now
  CHECK(w.skipped(Skip::switching) == 1);
  CHECK(w.seen().sampled == 1);  // counted in the new run
}
