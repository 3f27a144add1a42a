// timeouts.server_idle and Keep-Alive: a kept connection ends here before its server ends it.
#include <atomic>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

// Never ends a connection by itself; counts those that have ended behind an answer.
class PatientServer {
 public:
  explicit PatientServer(std::string fields = {}) : fields_(std::move(fields)) {}
  std::string address() const { return server_.address(); }
  std::uint64_t connections() const { return used_; }
  int ended() const { return ended_; }

 private:
  void serve(WireConnection& connection) {
    WireRequest request;
    if (!connection.read_request(request)) return;  // a check only connects
    ++used_;
    do {
      connection.answer("ok", fields_);
    } while (connection.read_request(request));
    ++ended_;
  }
  std::string fields_;
  std::atomic<int> ended_{0};
  std::atomic<std::uint64_t> used_{0};
  WireServer server_{{.serve = [this](WireConnection& connection) { serve(connection); }}};
};

config::Service idle_service(const PatientServer& server, config::Duration idle) {
  config::Service service = service_of("shop", {server.address()}, {});
  service.health_check.interval = std::chrono::hours(1);
  service.timeouts.server_idle = idle;
  return service;
}

unsigned post(RawClient& client) {
  client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\n\r\nhi");
  return static_cast<unsigned>(client.read_response().status);
}

// How many more connections the second of two POSTs took.
std::uint64_t dialled_for_second(const PatientServer& server, Plane& plane, bool wait_for_end) {
  RawClient client = plane.client();
  const int ended = server.ended();
  CHECK(post(client) == 200);
  if (wait_for_end) REQUIRE(until([&] { return server.ended() == ended + 1; }));
  const std::uint64_t before = server.connections();
  CHECK(post(client) == 200);
  return server.connections() - before;
}

}  // namespace

TEST_CASE("a kept connection to a server ends after timeouts.server_idle", "[server_idle]") {
  PatientServer server;
  Plane plane(idle_service(server, std::chrono::milliseconds(20)));
  CHECK(dialled_for_second(server, plane, true) == 1);
}

TEST_CASE("a server's announced time counts where it is shorter", "[server_idle]") {
  PatientServer server("Keep-Alive: timeout=1, max=100\r\n");
  Plane plane(idle_service(server, std::chrono::hours(1)));
  CHECK(dialled_for_second(server, plane, true) == 1);
}

TEST_CASE("an announced time that is longer than ours changes nothing", "[server_idle]") {
  PatientServer server("Keep-Alive: timeout=3600\r\n");
  Plane plane(idle_service(server, std::chrono::milliseconds(20)));
  CHECK(dialled_for_second(server, plane, true) == 1);
}

TEST_CASE("within its time a connection is used again", "[server_idle]") {
  PatientServer server("Keep-Alive: timeout=3600, max=99\r\n");
  Plane plane(idle_service(server, std::chrono::hours(1)));
  CHECK(dialled_for_second(server, plane, false) == 0);
}

TEST_CASE("the last answer that a server gives on a connection is taken as that", "[server_idle]") {
  const std::string hint = GENERATE("timeout=0", "max=0", "timeout=5, max=0");
  PatientServer server("Keep-Alive: " + hint + "\r\n");
  Plane plane(idle_service(server, std::chrono::hours(1)));
  CHECK(dialled_for_second(server, plane, true) == 1);
}
