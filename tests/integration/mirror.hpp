// What the tests of mirroring share.
#pragma once

#include "tests/integration/plane.hpp"

namespace switchback::test {

// Everything is copied. `green` "": a standby without servers.
inline config::Service mirrored(const std::string& blue, const std::string& green) {
  config::Service service = service_of(
      "shop", {blue}, green.empty() ? std::vector<std::string>{} : std::vector<std::string>{green});
  service.mirror.percent = 100;
  return service;
}

// A server that gives the same bytes to every request, over kept connections.
inline TestServerOptions answering(const std::string& name, const std::string& answer) {
  return {.name = name, .raw = [answer](RawClient& client) {
            for (;;) {
              client.read_head();
              client.send(answer);
            }
          }};
}

// Takes every request and never says a word.
inline TestServerOptions silent() {
  return {.name = "silent", .raw = [](RawClient& client) {
            client.read_head();
            client.wait_for_end();
          }};
}

inline mirror::CountsView seen(Plane& plane) {
  return plane->mirror_view("shop", 0)->run;
}

// How many of `n` requests, on connections of their own, were answered 200 by the active color.
inline int serves(Plane& plane, int n) {
  int served = 0;
  for (int i = 0; i < n; ++i) {
    RawClient client = plane.client();
    client.send(get("/ok"));
    if (client.read_response().status == 200) ++served;
  }
  return served;
}

// Nothing is lost between the columns, once nothing is under way.
inline bool books_balance(Plane& plane) {
  if (!until([&] { return plane->mirror_view("shop", 0)->in_flight == 0; })) return false;
  const mirror::CountsView now = seen(plane);
  std::uint64_t skipped = 0, ended = 0;
  for (const std::uint64_t n : now.skipped) skipped += n;
  for (const std::uint64_t n : now.ended) ended += n;
  return now.sampled == skipped + now.copies && now.copies == ended;
}

}  // namespace switchback::test
