// Everything at once: clients and servers that break off anywhere, while a service is flipped,
// paused, reloaded and taken out of the configuration. Nobody is promised an answer here; what must
// hold is that nothing is touched after it is gone (run under AddressSanitizer), that everything
// ends, and that the proxy serves the next client.
#include <atomic>
#include <random>

#include "tests/integration/abuse.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using std::chrono::milliseconds;

namespace {
using Random = std::mt19937;

unsigned below(Random& random, unsigned n) {
  return static_cast<unsigned>(random()) % n;
}

std::string some_request(Random& random) {
  static const char* const paths[] = {"/ok",
                                      "/ok?bytes=300000",
                                      "/chunked?bytes=50000",
                                      "/close-delimited?bytes=9000",
                                      "/drop",
                                      "/reset",
                                      "/reset?bytes=5000",
                                      "/truncate?rst=1",
                                      "/truncate",
                                      "/garbage",
                                      "/early",
                                      "/early?rst=1",
                                      "/early?keep=1",
                                      "/1xx",
                                      "/trailers",
                                      "/status/204",
                                      "/mirror",
                                      "/sink",
                                      "/hang",
                                      "/sse?events=0&ms=1",
                                      "/elsewhere",
                                      "/upgrade",
                                      "/big-head?bytes=70000"};
  const std::string path = paths[below(random, std::size(paths))];
  const std::string host = below(random, 8) ? "shop.test" : "nowhere";
  if (path == "/upgrade") return get(path, "Connection: Upgrade\r\nUpgrade: echo\r\n") + "bytes";
  const std::string method = below(random, 2) ? "PUT " : "POST ";
  const std::string head = method + path + " HTTP/1.1\r\nHost: " + host + "\r\n";
  switch (below(random, 5)) {
    case 0:
      return head + "Content-Length: 20000\r\n\r\n" + body_of(20000);
    case 1:
      return head +
             "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\nX-Sum: 1\r\n\r\n";
    case 2:
      return head + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello";
    case 3:
      return "GET " + path + " HTTP/1.0\r\nHost: " + host + "\r\n\r\n";
    default:
      return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  }
}

// One client: a few requests, cut anywhere, read or not, and an end of some kind.
void misbehave(const std::string& address, Random& random) {
  RawClient client(address);
  for (unsigned n = below(random, 4) + 1; n > 0; --n) {
    std::string bytes = some_request(random);
    if (below(random, 4) == 0) bytes.resize(below(random, static_cast<unsigned>(bytes.size())));
    if (below(random, 10) == 0) bytes += some_request(random) + some_request(random);
    if (!client.try_send(bytes)) break;
    pollfd readable{client.fd(), POLLIN, 0};
    if (below(random, 3) && ::poll(&readable, 1, static_cast<int>(below(random, 8))) > 0) {
      if (client.read_some().empty()) break;
    }
  }
  if (below(random, 4) == 0) client.half_close();
  if (below(random, 2)) client.reset();
}
}  // namespace

TEST_CASE("chaos", "[chaos]") {
  const unsigned seed = 20261122;
  TestServer blue("blue"), green("green");
  config::Config config;
  config.services.push_back(service_of("shop", {blue.address()}, {green.address()}));
  config.services.back().match = config::Match{{"shop.test"}, "/"};
  config.services.back().drain.timeout = milliseconds(5);
  config.services.back().drain.stream = milliseconds(5);
  config.services.back().drain.websocket = milliseconds(5);
  config.services.back().timeouts.response_head = milliseconds(50);
  config.log.path = "/dev/null";
  config::Config without = config;
  without.services.front().name = "other";
  Plane plane(config, 2);
  std::atomic<bool> stop{false};
  std::thread control([&] {
    Random random(seed);
    while (!stop) {
      switch (below(random, 6)) {
        case 0:
          plane->pause("shop");
          break;
        case 1:
          plane->reload(below(random, 2) ? config : without, {});
          break;
        case 2:
          blue.close_connections();
          break;
        default:
          if (const auto view = plane->view("shop")) {
            plane->switch_color("shop", other(view->active), view->epoch + 1);
          }
      }
      const timespec pause{0, 1'000'000};
      ::ppoll(nullptr, 0, &pause, nullptr);
      plane->resume("shop");
    }
  });
  std::vector<std::thread> clients;
  for (unsigned i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      Random random(seed + 1 + i);
      for (int n = 0; n < 100; ++n) misbehave(plane.address(), random);
    });
  }
  for (std::thread& client : clients) client.join();
  stop = true;
  control.join();
  plane->reload(config, {});
  plane->resume("shop");
  blue.close_connections();
  green.close_connections();
  CHECK(until([&] {
    std::int64_t open = 0;
    for (const auto* worker : plane->stats().workers) open += worker->open_connections.read();
    return plane.quiet() && open == 0;
  }));
  RawClient client = plane.client();
  client.send(get("/ok"));
  CHECK(client.read_response().status == 200);
}
