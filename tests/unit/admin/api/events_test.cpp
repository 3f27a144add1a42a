// The event stream: ids, resumption, heartbeats, slow and too many readers.
#include "admin/api/events.hpp"

#include "admin/events/receipt_json.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/until.hpp"
#include "tests/unit/admin/api/api_fixture.hpp"
#include "tests/unit/admin/http/server_fixture.hpp"

namespace switchback {
namespace {

using namespace std::chrono_literals;
using test::ApiFixture;
using test::RawClient;

// An event that can be told from others: its code is `n`.
events::AlarmCleared numbered(int n) {
  return {std::to_string(n)};
}
std::string code_in(const web::ServerSentEvent& event) {
  return std::string(boost::json::parse(event.data).at("code").as_string());
}

// Reads events until there are `count`; emits through `when_open` once the stream is open.
std::vector<web::ServerSentEvent> read_events(ApiFixture& f, web::ClientRequest request,
                                              std::size_t count,
                                              std::function<void()> when_open = {}) {
  web::Client client(ApiFixture::target(f.socket));
  std::vector<web::ServerSentEvent> seen;
  bool opened = false;
  const auto answer = client.events(
      request, 20s, 20s,
      [&](const auto& event) {
        seen.push_back(event);
        return seen.size() < count;
      },
      [&] {
        if (!std::exchange(opened, true) && when_open) when_open();
        return true;
      });
  CHECK(answer.failure == web::Failure::none);
  return seen;
}

TEST_CASE("live events come with id, name and data") {
  ApiFixture f;
  const auto seen = read_events(f, {.target = "/v1/events"}, 2, [&] {
    f.on_io([&] {
      f.events.stream.emit(test::flip_event(events::FlipStep::switched, events::FlipKind::promote));
      f.events.stream.emit(events::RehearsalFailed{"shop", "two\nlines"});
    });
  });
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].id == "1");
  CHECK(seen[0].event == "flip.switched");
  CHECK(seen[0].data == events::receipt_json(test::example_receipt()));
  CHECK(seen[1].event == "null_flip.failed");
  CHECK_THAT(seen[1].data, ContainsSubstring(R"({"service":"shop","fault":"two\nlines","at":")"));
}

TEST_CASE("Last-Event-ID brings what was missed, as a field or in the query") {
  ApiFixture f;
  f.on_io([&] {
    for (int i = 1; i <= 1024; ++i) f.events.stream.emit(numbered(i));
  });
  auto seen = read_events(f, {.target = "/v1/events", .fields = {{"Last-Event-ID", "1021"}}}, 3);
  CHECK(seen.at(0).id == "1022");
  CHECK(code_in(seen.at(2)) == "1024");
  seen = read_events(f, {.target = "/v1/events?last_event_id=0"}, 1024);
  CHECK(seen.at(0).id == "1");
  CHECK(seen.at(1023).id == "1024");
  const auto wrong = f.call({.target = "/v1/events", .fields = {{"Last-Event-ID", "x"}}});
  CHECK(test::problem_code(wrong) == "bad_last_event_id");
}

TEST_CASE("who comes back too late is told that events are lost, and only then") {
  ApiFixture f({}, nullptr, 10);
  f.on_io([&] {
    for (int i = 1; i <= 20; ++i) f.events.stream.emit(numbered(i));
  });
  const auto from = [&](const std::string& id, std::size_t count, std::function<void()> then = {}) {
    return read_events(f, {.target = "/v1/events", .fields = {{"Last-Event-ID", id}}}, count,
                       std::move(then));
  };
  auto seen = from("5", 2);
  CHECK(seen[0].event == "lost");
  CHECK(seen[0].id.empty());  // the next Last-Event-ID is that of a real event
  CHECK_THAT(seen[0].data, ContainsSubstring(R"("after":5,"next":11)"));
  CHECK(seen[1].id == "11");
  // The oldest that is kept comes right behind: nothing is missing.
  seen = from("10", 10);
  CHECK(seen[0].id == "11");
  CHECK(seen[9].id == "20");
  CHECK(from("0", 1)[0].id == "11");
  // Nothing to bring; the next live event follows, or it does not (another life's ids).
  const auto emit = [&] { f.on_io([&] { f.events.stream.emit(numbered(21)); }); };
  seen = from("20", 1, emit);
  CHECK(seen[0].id == "21");
  seen = from("700", 2, [&] { f.on_io([&] { f.events.stream.emit(numbered(22)); }); });
  CHECK(seen[0].event == "lost");
  CHECK(seen[1].id == "22");
}

TEST_CASE("a reader that goes away is unsubscribed; so are all when the server stops") {
  ApiFixture f;
  {
    RawClient client("unix:" + f.socket);
    client.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_THAT(client.read_until("switchback events"), ContainsSubstring("text/event-stream"));
    CHECK(f.on_io([&] { return f.events.stream.listeners(); }) == 2);  // and the metrics' own
  }
  CHECK(test::until([&] { return f.on_io([&] { return f.events.stream.listeners() == 1; }); }));
  RawClient client("unix:" + f.socket);
  client.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("switchback events");
  f.on_io([&] { f.server->stop(); });
  CHECK(f.on_io([&] { return f.events.stream.listeners() == 0; }));
  client.read_to_end();
}

// A stream of its own limits, served by a bare server.
struct HubFixture {
  explicit HubFixture(api::EventLimits limits) : server({}, [this](auto) { return serve(this); }) {
    server.on_io([&] { hub = std::make_shared<api::EventHub>(server.io, stream, limits); });
  }
  static boost::asio::awaitable<web::Reply> serve(HubFixture* me) { co_return me->hub->stream(0); }
  RawClient open() {
    RawClient client(server.tcp());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    return client;
  }
  events::Stream stream{1, 1};
  std::shared_ptr<api::EventHub> hub;
  test::ServerFixture server;
};

TEST_CASE("a quiet stream has a heartbeat") {
  api::EventLimits limits;
  limits.heartbeat = 5ms;
  HubFixture f(limits);
  auto client = f.open();
  client.read_until(": heartbeat");
  client.read_until(": heartbeat");
}

TEST_CASE("a reader that does not read is cut and counted") {
  api::EventLimits limits;
  limits.queued_bytes = 64 * 1024;
  HubFixture f(limits);
  auto client = f.open();
  client.read_until("switchback events");
  const std::string big(32 * 1024, 'x');
  const bool cut = test::until([&] {
    return f.server.on_io([&] {
      f.stream.emit(events::RehearsalFailed{"shop", big});
      return f.hub->counters().cut == 1;
    });
  });
  CHECK(cut);
  client.read_to_end();
  CHECK(test::until(
      [&] { return f.server.on_io([&] { return f.hub->counters().subscribers == 0; }); }));
}

TEST_CASE("there are only so many readers") {
  api::EventLimits limits;
  limits.subscribers = 1;
  HubFixture f(limits);
  auto first = f.open();
  first.read_until("switchback events");
  auto second = f.open();
  CHECK(second.read_response().body.empty());
  CHECK(f.server.on_io([&] { return f.hub->counters().refused == 1; }));
}

}  // namespace
}  // namespace switchback
