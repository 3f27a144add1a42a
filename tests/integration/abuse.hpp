// What the tests of hostile clients and servers share.
#pragma once

#include <unistd.h>

#include <cstdio>

#include "tests/integration/plane.hpp"

namespace switchback::test {

inline TestServerOptions raw(std::function<void(RawClient&)> script) {
  TestServerOptions options;
  options.raw = std::move(script);
  return options;
}

inline config::Service once(const std::string& server) {
  config::Service service = service_of("shop", {server}, {});
  service.retries.attempts = 0;
  return service;
}

inline std::int64_t open_sessions(Plane& plane) {
  return plane->stats().workers.front()->open_connections.read();
}

inline bool all_gone(Plane& plane) {
  return until([&] { return plane.quiet() && open_sessions(plane) == 0; });
}

// Of this process, which is client, proxy and server in one.
inline std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file || std::fscanf(file, "%zu %zu", &pages, &resident) != 2) resident = 0;
  if (file) std::fclose(file);
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

enum class End { fin, rst };
inline void end(RawClient& client, End how) {
  how == End::fin ? client.close() : client.reset();
}

}  // namespace switchback::test
