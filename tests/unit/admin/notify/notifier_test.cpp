// The whole way from an event to a target: real queues, threads, sockets and programs; the control
// thread is the test's.
#include "admin/notify/notifier.hpp"

#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>

#include "admin/notify/signature.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"
#include "tests/support/wire_server.hpp"
#include "tests/unit/admin/api/fakes.hpp"

namespace switchback::notify {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// A receiver that keeps what it was sent, over TLS or not.
struct Receiver {
  explicit Receiver(test::CertificateFiles certificate = {}, int status = 200)
      : server({.certificate = certificate, .serve = [this, status](test::WireConnection& to) {
                  test::WireRequest request;
                  while (to.read_request(request)) {
                    const std::lock_guard lock(mutex);
                    got.push_back(request);
                    to.answer("ok", "", status);
                  }
                }}) {}
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return got.size();
  }
  test::WireRequest at(std::size_t i) {
    const std::lock_guard lock(mutex);
    return got.at(i);
  }
  std::string url(const std::string& scheme = "http://") {
    return scheme + server.address() + "/hook";
  }
  std::mutex mutex;
  std::vector<test::WireRequest> got;
  test::WireServer server;
};

config::NotifyTarget target(const std::string& name, const std::string& url) {
  config::NotifyTarget out;
  out.name = name;
  out.webhook = url;
  return out;
}

struct World {
  explicit World(std::vector<config::NotifyTarget> targets) {
    config.notify = std::move(targets);
    config.services.emplace_back().name = "shop";
    notifier.emplace(io, events, config, NotifierOptions{.tick = 10ms});
  }
  template <class Condition>
  bool runs_until(Condition condition) {
    return test::until([&] {
      io.restart();
      io.poll();
      return condition();
    });
  }
  void rollback(const std::string& reason = "why") {
    auto event = test::flip_event(events::FlipStep::switched, events::FlipKind::rollback);
    event.receipt.from = Color::green;
    event.receipt.to = Color::blue;
    event.receipt.from_release = event.receipt.to_release = "";
    event.receipt.reason = reason;
    event.receipt.actor = "dana";
    events.stream.emit(event);
  }
  std::vector<events::Alarm> alarms() const { return events.alarms.standing(); }
  SenderStats stats(std::size_t i = 0) { return notifier->targets().at(i).stats; }

  boost::asio::io_context io;
  events::Events events;
  config::Config config;
  std::optional<Notifier> notifier;
};

TEST_CASE("a rollback reaches the webhook, signed, with the fields of the file") {
  const test::TempDir folder;
  Receiver receiver;
  auto ops = target("ops", receiver.url());
  ops.headers_file = folder.write("headers", "Authorization: Bearer abc\n");
  ops.secret_file = folder.write("secret", "first\n");
  World world({ops});
  world.rollback();
  CHECK(receiver.count() == 0);  // not within the call of whoever emits
  REQUIRE(world.runs_until([&] { return receiver.count() == 1; }));
  const auto got = receiver.at(0);
  CHECK(got.method == "POST");
  CHECK(got.target == "/hook");
  CHECK(got.field("Authorization") == "Bearer abc");
  CHECK(got.field("Content-Type") == "application/json");
  CHECK(json::parse(got.body).at("title") == "shop: rolled back to BLUE, from GREEN");
  CHECK(got.field("webhook-signature") ==
        webhook_signature("first", got.field("webhook-id"),
                          std::stoll(got.field("webhook-timestamp")), got.body));
  // A secret that was exchanged counts for the next message.
  folder.write("secret", "second\n");
  world.rollback();
  REQUIRE(world.runs_until([&] { return receiver.count() == 2; }));
  const auto next = receiver.at(1);
  CHECK(next.field("webhook-id") != got.field("webhook-id"));
  CHECK(next.field("webhook-signature") ==
        webhook_signature("second", next.field("webhook-id"),
                          std::stoll(next.field("webhook-timestamp")), next.body));
  CHECK(world.runs_until([&] { return world.stats().sent == 2; }));
}

TEST_CASE("a target hears only what it wants") {
  Receiver receiver;
  auto quiet = target("quiet", receiver.url());
  quiet.on = {config::NotifyKind::hold};
  auto other = target("other", receiver.url());
  other.services = {"cart"};
  World world({quiet, other});
  world.rollback();
  world.events.alarms.raise("ledger_unwritable", "no space");
  REQUIRE(world.runs_until([&] { return receiver.count() == 1; }));
  // The disk concerns all services; the rollback was another's.
  CHECK(json::parse(receiver.at(0).body).at("key") == "ledger_unwritable");
  world.events.stream.emit(
      events::HoldChanged{events::HoldStep::placed, {.service = "shop", .actor = "dana"}});
  REQUIRE(world.runs_until([&] { return receiver.count() == 2; }));
  CHECK(json::parse(receiver.at(1).body).at("kind") == "hold");
}

TEST_CASE("a target that hangs delays nobody else, and does not hold up the end") {
  test::TestServer stuck("stuck");
  Receiver receiver;
  auto hangs = target("hangs", "http://" + stuck.address() + "/hang");
  hangs.timeout = 60s;
  hangs.queue = 5;
  World world({hangs, target("works", receiver.url())});
  world.rollback();
  REQUIRE(world.runs_until([&] { return stuck.requests() == 1; }));
  for (int i = 0; i < 9; ++i) world.rollback(std::to_string(i));
  REQUIRE(world.runs_until([&] { return world.stats(1).queued + receiver.count() == 10; }));
  CHECK(world.runs_until([&] { return receiver.count() >= 3; }));  // the rest is paced
  CHECK(world.stats(0).queued == 6);
  CHECK(world.stats(0).dropped == 4);
  CHECK(world.stats(0).sent == 0);
  world.notifier.reset();  // returns although 60 s are not over
}

TEST_CASE("names that cannot be looked up harm nobody else") {
  test::DnsServer dns;
  dns.set_silent(true);
  Receiver receiver;
  World world({});
  world.config.dns.servers.push_back(
      {.text = dns.address(), .host = "127.0.0.1", .port = dns.port()});
  world.config.dns.timeout = 50ms;
  auto lost = target("lost", "http://chat.invalid.test/hook");
  lost.retries = 0;
  auto works = target("works", receiver.url());
  works.on = {config::NotifyKind::rollback};  // not the alarm of the other
  world.config.notify = {lost, works};
  world.notifier->configure(world.config);
  world.rollback();
  REQUIRE(world.runs_until([&] { return receiver.count() == 1; }));
  REQUIRE(world.runs_until([&] { return world.stats(0).failed == 1; }));
  CHECK_THAT(world.stats(0).last_error, ContainsSubstring("http://chat.invalid.test: "));
  // And one that is found: by our own resolver, not the system's.
  dns.set_silent(false);
  dns.set("chat.found.test", {"127.0.0.1"});
  auto found =
      target("found", "http://chat.found.test:" + std::to_string(receiver.server.port()) + "/x");
  found.on = {config::NotifyKind::rollback};  // not the end of that alarm
  world.config.notify = {found};
  world.config.dns.timeout = 5s;
  world.notifier->configure(world.config);
  world.rollback();
  REQUIRE(world.runs_until([&] { return receiver.count() == 2; }));
  CHECK_THAT(receiver.at(1).field("Host"), ContainsSubstring("chat.found.test"));
}

TEST_CASE("a target that fails stands as an alarm until a message arrives") {
  test::RefusingPort nobody;
  Receiver receiver;
  auto ops = target("ops", "http://" + nobody.address() + "/hook");
  ops.retries = 0;
  World world({ops, target("other", receiver.url())});
  world.rollback();
  REQUIRE(world.runs_until([&] { return world.alarms().size() == 1; }));
  CHECK(world.alarms()[0].code == "notify_failing:ops");
  CHECK_THAT(world.alarms()[0].text, ContainsSubstring("switchback notify test ops"));
  std::optional<Delivery> tried;
  CHECK(world.notifier->test("ops", "dana", [&](const Delivery& d) { tried = d; }));
  REQUIRE(world.runs_until([&] { return tried.has_value(); }));
  CHECK_FALSE(tried->good);
  CHECK(tried->error.find("refused") != std::string::npos);
  CHECK_FALSE(world.notifier->test("nobody", "dana", [](const Delivery&) {}));
  // Its own trouble is told to the others, not to itself.
  REQUIRE(world.runs_until([&] { return receiver.count() == 2; }));
  CHECK(world.stats(0).queued == 0);

  world.config.notify[0].webhook = receiver.url();
  world.notifier->configure(world.config);
  CHECK(world.runs_until([&] { return world.alarms().empty(); }));
  tried.reset();
  world.notifier->test("ops", "dana", [&](const Delivery& d) { tried = d; });
  REQUIRE(world.runs_until([&] { return tried.has_value(); }));
  CHECK(tried->good);
  CHECK(tried->status == 200);
}

TEST_CASE("a message that nobody took is sent again; a refusal is not") {
  Receiver busy({}, 503), refusing({}, 404);
  auto again = target("again", busy.url());
  again.retries = 1;
  World world({again, target("no", refusing.url())});
  world.rollback();
  REQUIRE(
      world.runs_until([&] { return world.stats(0).failed == 1 && world.stats(1).failed == 1; }));
  CHECK(busy.count() == 2);
  CHECK(busy.at(0).field("webhook-id") == busy.at(1).field("webhook-id"));
  CHECK(refusing.count() == 1);
  CHECK(world.stats(1).last_status == 404);
}

TEST_CASE("https is verified") {
  test::Authority authority, stranger("Somebody Else");
  Receiver receiver(authority.issue({.name = "hook", .names = "DNS:localhost,IP:127.0.0.1"}));
  auto good = target("good", receiver.url("https://"));
  good.ca = authority.ca();
  auto bad = good;
  bad.name = "bad";
  bad.ca = stranger.ca();
  bad.retries = 0;
  World world({good, bad});
  world.rollback();
  REQUIRE(world.runs_until([&] { return world.stats(0).sent == 1 && world.stats(1).failed == 1; }));
  CHECK(receiver.count() == 1);
  CHECK_THAT(world.stats(1).last_error, ContainsSubstring("certificate"));
  CHECK(world.stats(1).last_error.find("--ca-file") == std::string::npos);
}

TEST_CASE("a program gets the message on stdin; one that hangs is killed") {
  const test::TempDir folder;
  config::NotifyTarget writes;
  writes.name = "writes";
  writes.exec = {"/bin/sh", "-c",
                 "cat > \"$0.part\" && mv \"$0.part\" \"$0\"; echo $SWITCHBACK_KIND > \"$0.kind\"",
                 folder.file("message")};
  writes.on = {config::NotifyKind::rollback};  // not the alarms of the others
  config::NotifyTarget hangs;
  hangs.name = "hangs";
  hangs.exec = {"/bin/sh", "-c", "sleep 1000"};
  hangs.timeout = 100ms;
  hangs.retries = 0;
  config::NotifyTarget missing;
  missing.name = "missing";
  missing.exec = {"/nowhere/at-all"};
  missing.retries = 0;
  World world({writes, hangs, missing});
  world.rollback();
  REQUIRE(world.runs_until([&] {
    return world.stats(0).sent == 1 && world.stats(1).failed == 1 && world.stats(2).failed == 1;
  }));
  CHECK(json::parse(folder.read("message")).at("kind") == "rollback");
  CHECK(folder.read("message.kind") == "rollback\n");
  CHECK_THAT(world.stats(1).last_error, ContainsSubstring("was killed"));
  CHECK_THAT(world.stats(2).last_error, ContainsSubstring("/nowhere/at-all"));
}

TEST_CASE("a reload keeps what waits and what was told; a new target hears what stands") {
  test::RefusingPort nobody;
  Receiver receiver, second;
  World world({target("ops", "http://" + nobody.address() + "/hook")});
  world.rollback();
  REQUIRE(world.runs_until([&] { return world.stats().attempts >= 1; }));
  world.events.alarms.raise("ledger_unwritable", "no space");
  world.config.notify = {target("ops", receiver.url()), target("second", second.url())};
  world.notifier->configure(world.config);
  REQUIRE(world.runs_until([&] { return receiver.count() == 2 && second.count() == 1; }));
  CHECK(json::parse(receiver.at(0).body).at("kind") == "rollback");
  CHECK(json::parse(second.at(0).body).at("key") == "ledger_unwritable");
  // The same again: nothing is new, nothing is told twice.
  world.notifier->configure(world.config);
  world.rollback();
  REQUIRE(world.runs_until([&] { return second.count() == 2; }));
  CHECK(json::parse(second.at(1).body).at("kind") == "rollback");
}

TEST_CASE("what waits for targets that work goes out before the end") {
  Receiver receiver;
  auto ops = target("ops", receiver.url());
  ops.per_minute = 6000;
  World world({ops});
  for (int i = 0; i < 20; ++i) world.rollback();
  world.io.poll();
  world.notifier->finish(20s);
  CHECK(receiver.count() == 20);
}

}  // namespace
}  // namespace switchback::notify
