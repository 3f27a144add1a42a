// Releases that turn bad on order, and traffic that notices.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/integration/instance.hpp"
#include "tests/support/test_server.hpp"

namespace switchback::test {

// One request after another over kept connections, until it is told to end.
class Traffic {
 public:
  using Fields = std::function<std::string(std::uint64_t number)>;  // further lines of a request

  Traffic(std::string address, std::string target, Fields fields = {})
      : fields_(std::move(fields)),
        thread_([this, address = std::move(address), target = std::move(target)] {
          while (!ended_) run(address, target);
        }) {}
  ~Traffic() {
    ended_ = true;
    thread_.join();
  }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t failed() const { return failed_; }  // answered with 500 or more

 private:
  void run(const std::string& address, const std::string& target) {
    RawClient client(address);
    while (!ended_) {
      client.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" +
                  (fields_ ? fields_(answered_) : std::string()) + "\r\n");
      const auto response = client.read_response();
      if (response.status == 0) return;
      ++answered_;
      if (response.status >= 500) ++failed_;
    }
  }
  const Fields fields_;
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> answered_{0}, failed_{0};
  std::thread thread_;
};

// A release on one server: its health checks pass, and of the other requests every n-th fails.
class Release {
 public:
  explicit Release(std::string name) : name_(std::move(name)) {
    TestServerOptions options;
    options.raw = [this](RawClient& client) { serve(client); };
    server_ = std::make_unique<TestServer>(std::move(options));
  }
  std::string address() const { return server_->address(); }
  void fail_every(unsigned n) { fail_every_ = n; }  // 0: none, 1: all
  void set_healthy(bool healthy) { healthy_ = healthy; }

 private:
  void serve(RawClient& client) {
    for (;;) {
      std::string head;
      while (head.find("\r\n\r\n") == std::string::npos) {
        const auto more = client.read_some();
        if (more.empty()) return;
        head += more;
      }
      const unsigned every = fail_every_;
      const bool good =
          head.starts_with("GET /healthz") ? healthy_.load() : every == 0 || ++asked_ % every != 0;
      client.send(std::string("HTTP/1.1 ") + (good ? "200 OK" : "500 Broken") +
                  "\r\nX-Served-By: " + name_ + "\r\nContent-Length: 2\r\n\r\nok");
    }
  }
  const std::string name_;
  std::atomic<unsigned> fail_every_{0};
  std::atomic<std::uint64_t> asked_{0};
  std::atomic<bool> healthy_{true};
  std::unique_ptr<TestServer> server_;
};

}  // namespace switchback::test
