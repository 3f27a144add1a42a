// What several tests of proxy/net need: descriptors that close themselves, handlers from lambdas.
#pragma once

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "proxy/net/reactor.hpp"
#include "tests/support/catch.hpp"

namespace switchback::net::test {

struct Fd {
  explicit Fd(int fd_in = -1) : fd(fd_in) {}
  Fd(Fd&& o) noexcept : fd(std::exchange(o.fd, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(fd, o.fd);
    return *this;
  }
  ~Fd() { close(); }
  void close() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int release() { return std::exchange(fd, -1); }
  int fd;
};

inline std::pair<Fd, Fd> socket_pair() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

// Ready to read from the start.
inline Fd ready_event() {
  Fd event(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  REQUIRE(event.fd >= 0);
  return event;
}

struct FunctionHandler final : EventHandler {
  explicit FunctionHandler(std::function<void(std::uint32_t)> f) : function(std::move(f)) {}
  void on_event(std::uint32_t events) override { function(events); }
  std::function<void(std::uint32_t)> function;
};

struct FunctionTimer final : Timer {
  explicit FunctionTimer(std::function<void()> f) : function(std::move(f)) {}
  void on_timer() override { function(); }
  std::function<void()> function;
};

struct FunctionDeferred final : Deferred {
  explicit FunctionDeferred(std::function<void()> f) : function(std::move(f)) {}
  void on_deferred() override { function(); }
  std::function<void()> function;
};

// Turns the loop until the condition holds. A watchdog timer fails the test where it never does.
inline void turn_until(Reactor& reactor, const std::function<bool()>& condition) {
  bool late = false;
  FunctionTimer watchdog([&] { late = true; });
  reactor.timers().arm(watchdog, monotonic_ns() + 20'000'000'000);
  while (!condition() && !late) reactor.run_turn(true);
  REQUIRE_FALSE(late);
}

}  // namespace switchback::net::test
