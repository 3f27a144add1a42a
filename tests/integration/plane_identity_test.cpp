// Servers that authenticate the connection (NTLM, Negotiate): whoever logged in on it, nobody else
// may ever be given it.
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/mirror.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

// Says who it takes a connection for: the one whose token came on it, for as long as it lasts.
class LoginServer {
 public:
  explicit LoginServer(std::string scheme = "NTLM") : scheme_(std::move(scheme)) {}
  std::string address() const { return server_.address(); }
  // Requests without a login on a connection that had been told to log in.
  int challenged_again() const { return challenged_again_; }

 private:
  void serve(WireConnection& connection) {
    std::string user;
    bool told = false;
    WireRequest request;
    while (connection.read_request(request)) {
      const std::string token = request.field("Authorization");
      if (const std::size_t blank = token.find(' '); blank != std::string::npos) {
        user = token.substr(blank + 1);
      }
      if (user.empty()) {
        if (std::exchange(told, true)) ++challenged_again_;
        connection.answer("who?", "WWW-Authenticate: " + scheme_ + "\r\n", 401);
      } else {
        connection.answer(user);
      }
    }
  }

  std::string scheme_;
  std::atomic<int> challenged_again_{0};
  WireServer server_{{.serve = [this](WireConnection& connection) { serve(connection); }}};
};

std::string request_of(const std::string& fields = {}, const std::string& target = "/") {
  return "GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n";
}

std::string body_of(RawClient& client, const std::string& fields = {}) {
  client.send(request_of(fields));
  return client.read_response().body;
}

}  // namespace

TEST_CASE("who logged in on a server's connection keeps it, and no stranger is given it",
          "[identity]") {
  const std::string scheme = GENERATE("NTLM", "Negotiate", "Basic realm=\"a, b\", nTLM");
  LoginServer server(scheme);
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient ann = plane.client(), bob = plane.client();
  CHECK(body_of(ann) == "who?");
  CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
  for (int i = 0; i < 5; ++i) {
    CHECK(body_of(bob) == "who?");
    CHECK(body_of(ann) == "ann");
  }
  CHECK(body_of(bob, "Authorization: Negotiate bob\r\n") == "bob");
  for (int i = 0; i < 5; ++i) {
    CHECK(body_of(ann) == "ann");
    CHECK(body_of(bob) == "bob");
    RawClient stranger = plane.client();
    CHECK(body_of(stranger) == "who?");
  }
}

TEST_CASE("a client's login ends with its connection", "[identity]") {
  LoginServer server;
  Plane plane(service_of("shop", {server.address()}, {}));
  {
    RawClient ann = plane.client();
    CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
    ann.send(request_of("Connection: close\r\n"));
    CHECK(ann.read_response().body == "ann");
  }
  for (int i = 0; i < 20; ++i) {
    RawClient next = plane.client();
    CHECK(body_of(next) == "who?");
  }
}

TEST_CASE("pipelined requests of one client stay with its login", "[identity]") {
  LoginServer server;
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient ann = plane.client();
  ann.send(request_of() + request_of("Authorization: NTLM ann\r\n") + request_of() + request_of());
  CHECK(ann.read_response().body == "who?");
  for (int i = 0; i < 3; ++i) CHECK(ann.read_response().body == "ann");
}

TEST_CASE("a flip takes the client to the new color, where it is not known", "[identity]") {
  LoginServer blue, green;
  Plane plane(service_of("shop", {blue.address()}, {green.address()}));
  RawClient ann = plane.client();
  CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
  plane.flip(Color::green);
  CHECK(body_of(ann) == "who?");
  CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
  plane.flip(Color::blue);
  CHECK(body_of(ann) == "who?");  // what it had there has ended
}

TEST_CASE("limited connections: a private one holds its place and gives it back", "[identity]") {
  LoginServer server;
  config::Service service = service_of("shop", {server.address()}, {});
  service.limits.connections_per_server = 1;
  service.health_check.interval = std::chrono::hours(1);
  Plane plane(service);
  {
    RawClient ann = plane.client();
    CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
    CHECK(body_of(ann) == "ann");
  }
  RawClient bob = plane.client();
  CHECK(body_of(bob) == "who?");
}

TEST_CASE("a client keeps its login at each of several services", "[identity]") {
  LoginServer shop, wiki;
  config::Config config;
  config.services.push_back(service_of("shop", {shop.address()}, {}));
  config.services.push_back(service_of("wiki", {wiki.address()}, {}));
  config.services[1].match = config::Match{.hosts = {}, .path_prefix = "/wiki"};
  Plane plane(config, 1);
  RawClient client = plane.client();
  const auto ask = [&](const std::string& target, const std::string& fields = {}) {
    client.send(request_of(fields, target));
    return client.read_response().body;
  };
  CHECK(ask("/", "Authorization: NTLM ann\r\n") == "ann");
  CHECK(ask("/wiki", "Authorization: NTLM anna\r\n") == "anna");
  for (int i = 0; i < 3; ++i) {
    CHECK(ask("/") == "ann");
    CHECK(ask("/wiki") == "anna");
  }
  RawClient stranger = plane.client();
  for (const std::string target : {"/", "/wiki"}) {
    stranger.send(request_of({}, target));
    CHECK(stranger.read_response().body == "who?");
  }
}

TEST_CASE("a preview leaves the login at the active color", "[identity]") {
  LoginServer blue, green;
  Plane plane(service_of("shop", {blue.address()}, {green.address()}));
  RawClient ann = plane.client();
  CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
  CHECK(body_of(ann, "X-Switchback-Preview: green\r\n") == "who?");
  CHECK(body_of(ann) == "ann");
}

TEST_CASE("copies neither carry a login nor leave a challenged connection behind", "[identity]") {
  LoginServer blue, green;
  config::Service service = mirrored(blue.address(), green.address());
  service.health_check.interval = std::chrono::hours(1);
  Plane plane(service);
  RawClient ann = plane.client();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    RawClient stranger = plane.client();
    CHECK(body_of(stranger) == "who?");
    REQUIRE(until([&] { return seen(plane).of(mirror::Verdict::equal) == i; }));
  }
  CHECK(green.challenged_again() == 0);
  CHECK(body_of(ann, "Authorization: NTLM ann\r\n") == "ann");
  CHECK(body_of(ann) == "ann");
  CHECK(books_balance(plane));
  CHECK(seen(plane).copies == 3);
}

TEST_CASE("two workers, many clients, flips: everybody is who they are or nobody", "[identity]") {
  LoginServer blue, green;
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
  service.retries.attempts = 3;
  Plane plane(service, 2);
  std::atomic<int> wrong{0}, logins{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> users;
  for (int user = 0; user < 6; ++user) {
    users.emplace_back([&, user] {
      const std::string name = "user" + std::to_string(user);
      while (!over) {
        RawClient client = plane.client();
        const std::string login = "Authorization: NTLM " + name + "\r\n";
        if (user % 2 == 0 && body_of(client, login) == name) ++logins;
        for (int i = 0; i < 5; ++i) {
          const std::string told = body_of(client);
          if (told != "who?" && (user % 2 == 1 || told != name)) ++wrong;
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(plane.flip(i % 2 == 0 ? Color::green : Color::blue));
    const int before = logins;
    CHECK(until([&] { return logins > before; }));
  }
  over = true;
  for (std::thread& user : users) user.join();
  CHECK(wrong == 0);
}
