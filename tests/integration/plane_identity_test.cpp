// Servers that authenticate the connection (NTLM, Negotiate): whoever logged in on it, nobody else
// may ever be given it.
#include <atomic>
#include <map>
#include <mutex>

#include "tests/integration/plane.hpp"
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
  std::uint64_t connections() const { return server_.connections(); }

 private:
  void serve(WireConnection& connection) {
    std::string user;
    WireRequest request;
    while (connection.read_request(request)) {
      const std::string token = request.field("Authorization");
      if (const std::size_t blank = token.find(' '); blank != std::string::npos) {
        user = token.substr(blank + 1);
      }
      if (user.empty()) {
        connection.answer("who?", "WWW-Authenticate: " + scheme_ + "\r\n", 401);
      } else {
        connection.answer(user);
      }
    }
  }

  std::string scheme_;
  WireServer server_{{.serve = [this](WireConnection& connection) { serve(connection); }}};
};

std::string get(const std::string& fields = {}) {
  return "GET / HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n";
}

std::string body_of(RawClient& client, const std::string& fields = {}) {
  client.send(get(fields));
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
    ann.send(get("Connection: close\r\n"));
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
  ann.send(get() + get("Authorization: NTLM ann\r\n") + get() + get());
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
