// The demo's own application: a small web server whose every answer shows its color and release.
// Two of them stand behind the proxy in `switchback demo`, and tests use them as real servers.
//
// GET /           a page in the color, which shows live who answers
// GET /version    {"color":"blue","version":"v1.2"}
// GET /healthz    "ok"
// GET /slow?ms=N  the answer of /version after N ms (default 2000, at most 60000)
// GET /events?seconds=N   server-sent events, five a second, for N s (0 or absent: without end)
//
// Threads: the io_context's. Errors: start() returns "" or one clear line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace switchback::demo {

struct DemoAppOptions {
  std::string color = "blue";
  std::string release = "v1.2";
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
};

class DemoApp {
 public:
  DemoApp(boost::asio::io_context& io, DemoAppOptions options);
  ~DemoApp();
  DemoApp(const DemoApp&) = delete;

  std::string start();
  void stop();
  std::string address() const;     // "127.0.0.1:40123"; empty before start()
  std::uint64_t requests() const;  // answered or being answered

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The page, exposed for tests.
std::string demo_page(const std::string& color, const std::string& release);

}  // namespace switchback::demo
