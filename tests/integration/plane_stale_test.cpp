// Kept connections that their server closes after each n-th answer, at the worst moment: no GET and
// no PUT may fail for it, and no POST may reach a server twice.
//
// SWITCHBACK_STALE=100000 sends so many GETs and PUTs, three of five in cleartext (`./dev test
// --long`); without, as many as take a second.
#include <cstdlib>
#include <map>

#include "plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

enum class Closing : unsigned {
  fin_at_once,  // right behind the n-th answer
  reset_at_once,
  announced,            // the n-th answer says Connection: close
  fin_when_next_comes,  // the next request's first bytes are there, unread: the kernel resets
  reset_when_next_comes,
  fin_after_next,  // the next request was read whole, and no byte answered
  reset_after_next,
  timeout_told,  // a 408 for nobody, when the next request's first bytes are there
  count_
};

// Of both tests together; 0: the short run.
std::uint64_t wanted_in_all() {
  const char* told = std::getenv("SWITCHBACK_STALE");
  return told != nullptr ? std::strtoull(told, nullptr, 10) : 0;
}

class Server {
 public:
  explicit Server(const CertificateFiles& certificate = {})
      : wire_({.certificate = certificate, .serve = [this](WireConnection& c) { serve(c); }}) {}
  std::string address() const { return wire_.address(); }
  std::uint64_t connections() const { return wire_.connections(); }
  unsigned most_sights_of_a_post() const {
    const std::lock_guard lock(mutex_);
    unsigned most = 0;
    for (const auto& [id, times] : posts_) most = std::max(most, times);
    return most;
  }

 private:
  void note(const WireRequest& request) {
    if (request.method != "POST") return;
    const std::lock_guard lock(mutex_);
    ++posts_[request.target];
  }
  void serve(WireConnection& connection) {
    const auto closings = static_cast<std::uint64_t>(Closing::count_);
    const auto closing = static_cast<Closing>(connection.number() % closings);
    const std::uint64_t answers = 1 + connection.number() / closings % 7;
    WireRequest request;
    for (std::uint64_t i = 1; i <= answers; ++i) {
      if (!connection.read_request(request)) return;
      note(request);
      const bool last = i == answers && closing == Closing::announced;
      if (!connection.answer(request.target + request.body, last ? "Connection: close\r\n" : ""))
        return;
    }
    const bool reset = closing == Closing::reset_at_once ||
                       closing == Closing::reset_when_next_comes ||
                       closing == Closing::reset_after_next;
    if (closing == Closing::fin_when_next_comes || closing == Closing::reset_when_next_comes) {
      connection.wait_for_input();
    } else if (closing == Closing::timeout_told) {
      connection.wait_for_input();
      connection.answer("", "Connection: close\r\n", 408);
      if (connection.read_request(request)) note(request);  // or a reset takes the answer away
    } else if (closing == Closing::fin_after_next || closing == Closing::reset_after_next) {
      if (connection.read_request(request)) note(request);
    }
    connection.close(reset);
  }

  mutable std::mutex mutex_;
  std::map<std::string, unsigned> posts_;
  WireServer wire_;
};

struct Outcome {
  std::uint64_t safe = 0, failed = 0, posts = 0, posts_lost = 0;
  std::string first_failure;
};

// One client: GET, PUT (small, and of some segments), and now and then a POST.
void drive(const std::string& address, unsigned number, std::uint64_t wanted, Outcome& out) {
  RawClient client(address);
  const std::string large = body_of(20'000);
  for (std::uint64_t i = 0; out.safe < wanted; ++i) {
    const bool post = i % 8 == 3, put = i % 2 == 1 && !post;
    const std::string target = "/" + std::to_string(number) + "/" + std::to_string(i);
    const std::string body = !post && !put ? "" : i % 16 == 5 ? large : "body " + std::to_string(i);
    client.send(std::string(post  ? "POST "
                            : put ? "PUT "
                                  : "GET ") +
                target + " HTTP/1.1\r\nHost: shop.test\r\n" +
                (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
                "\r\n" + body);
    const RawResponse response = client.read_response();
    const bool fine = response.status == 200 && response.body == target + body;
    ++(post ? out.posts : out.safe);
    if (fine) continue;
    if (post && (response.status == 502 || response.status == 408)) {
      ++out.posts_lost;
    } else {
      ++out.failed;
      if (out.first_failure.empty()) {
        out.first_failure = target +
                            (put    ? " PUT "
                             : post ? " POST "
                                    : " GET ") +
                            std::to_string(response.status) + " " + response.body.substr(0, 200);
      }
    }
    if (response.field("Connection") == "close") client = RawClient(address);
  }
}

void storm(Server& server, config::Service service, std::uint64_t wanted) {
  constexpr unsigned clients = 6;
  Plane plane(std::move(service), 2);
  std::array<Outcome, clients> outcomes;
  {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i) {
      threads.emplace_back(
          [&, i] { drive(plane.address(), i, wanted / clients + 1, outcomes[i]); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  Outcome sum;
  for (const Outcome& one : outcomes) {
    sum.safe += one.safe;
    sum.failed += one.failed;
    sum.posts += one.posts;
    sum.posts_lost += one.posts_lost;
    if (sum.first_failure.empty()) sum.first_failure = one.first_failure;
  }
  if (wanted_in_all() > 0) {
    WARN(sum.safe << " GETs and PUTs, " << sum.failed << " failed; " << sum.posts << " POSTs, "
                  << sum.posts_lost << " answered 502 or 408; " << server.connections()
                  << " connections");
  }
  INFO(sum.first_failure);
  CHECK(sum.safe >= wanted);
  CHECK(sum.failed == 0);
  CHECK(sum.posts > 0);
  CHECK(server.most_sights_of_a_post() == 1);
  CHECK(server.connections() > wanted / 20);  // they did close
}

config::Service stale_service(const std::string& address) {
  config::Service service = service_of("shop", {address}, {});
  service.health_check.interval = std::chrono::hours(1);
  return service;
}

}  // namespace

TEST_CASE("a kept connection that turns out stale costs no GET and no PUT, and doubles no POST",
          "[stale]") {
  Server server;
  storm(server, stale_service(server.address()),
        wanted_in_all() > 0 ? wanted_in_all() * 3 / 5 : 2'000);
}

TEST_CASE("the same by TLS", "[stale][server-tls]") {
  Authority authority;
  Server server(authority.issue({.names = "IP:127.0.0.1"}));
  config::Service service = stale_service(server.address());
  service.blue.tls.emplace();
  service.blue.tls->ca = authority.ca();
  storm(server, service, wanted_in_all() > 0 ? wanted_in_all() * 2 / 5 : 800);
}

namespace {

// The first connection that brings a request ends behind its answer, which never said so; the
// second waits with its end until the next request is on its way, or answers that one too.
class EndsUnsaid {
 public:
  explicit EndsUnsaid(bool second_goes_on) : second_goes_on_(second_goes_on) {}
  std::string address() const { return wire_.address(); }
  unsigned connections() const { return with_requests_; }  // a check's have none

 private:
  void serve(WireConnection& connection) {
    WireRequest request;
    unsigned number = 0;
    while (connection.read_request(request)) {
      if (number == 0) number = ++with_requests_;
      if (!connection.answer(request.target)) return;
      if (number == 1) return connection.close();
      if (number > 2 || second_goes_on_) continue;
      connection.wait_for_input();
      return connection.close(true);
    }
  }
  const bool second_goes_on_;
  std::atomic<unsigned> with_requests_{0};
  WireServer wire_{{.serve = [this](WireConnection& c) { serve(c); }}};
};

unsigned ask(Plane& plane, const std::string& method, const std::string& target) {
  RawClient client(plane.address());
  client.send(method + " " + target + " HTTP/1.1\r\nHost: shop.test\r\n" +
              (method == "POST" ? "Content-Length: 2\r\n\r\nab" : "\r\n"));
  const RawResponse response = client.read_response();
  CHECK((response.status != 200 || response.body == target));
  return response.status;
}

std::uint64_t connections_to_server(Plane& plane) {
  return plane.view().pools[index_of(Color::blue)].servers.front().connections;
}

// uWSGI's http-socket: a GET, its connection ended; then two POSTs, and what comes between them.
unsigned connections_of_posts(bool second_goes_on, bool get_between) {
  EndsUnsaid server(second_goes_on);
  config::Service service = stale_service(server.address());
  Plane plane(std::move(service), 1);
  CHECK(ask(plane, "GET", "/first") == 200);
  CHECK(until([&] { return connections_to_server(plane) == 0; }));
  CHECK(ask(plane, "POST", "/second") == 200);
  if (get_between) CHECK(ask(plane, "GET", "/between") == 200);
  CHECK(ask(plane, "POST", "/third") == 200);
  return server.connections();
}

}  // namespace

TEST_CASE("a server that ends connections without a word gets POSTs on new ones", "[stale]") {
  CHECK(connections_of_posts(false, false) == 3);
}

TEST_CASE("one answer on a kept connection shows that the server keeps them", "[stale]") {
  CHECK(connections_of_posts(true, true) == 2);
}
