#include "proxy/net/async_timer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <thread>

#include "tests/unit/proxy/net/net_fixtures.hpp"

namespace asio = boost::asio;
using namespace switchback;
using namespace switchback::net;
using namespace switchback::net::test;
using boost::system::error_code;

namespace {

constexpr Nanos ms = 1'000'000;
constexpr Nanos hour = 3'600'000 * ms;

}  // namespace

TEST_CASE("a coroutine waits on the wheel") {
  Reactor reactor;
  bool done = false;
  Nanos deadline = 0;
  asio::co_spawn(
      reactor,
      [&]() -> asio::awaitable<void> {
        AsyncTimer timer(reactor);
        for (int i = 0; i < 2; ++i) {  // one timer, several waits
          deadline = reactor.now_ns() + 20 * ms;
          co_await timer.async_wait(deadline, asio::use_awaitable);
          CHECK(reactor.now_ns() >= deadline);
        }
        done = true;
      },
      asio::detached);
  turn_until(reactor, [&] { return done; });
}

TEST_CASE("cancel completes the wait with operation_aborted, later and not inside the call") {
  Reactor reactor;
  AsyncTimer timer(reactor);
  std::optional<error_code> result;
  timer.async_wait(reactor.now_ns() + hour, [&](error_code error) { result = error; });
  CHECK(timer.waiting());
  timer.cancel();
  CHECK_FALSE(timer.waiting());
  CHECK_FALSE(result.has_value());
  timer.cancel();
  reactor.run_turn(false);
  REQUIRE(result.has_value());
  CHECK(*result == asio::error::operation_aborted);
}

TEST_CASE("destroying the timer aborts its wait") {
  Reactor reactor;
  std::optional<error_code> result;
  {
    AsyncTimer timer(reactor);
    timer.async_wait(reactor.now_ns() + hour, [&](error_code error) { result = error; });
  }
  reactor.run_turn(false);
  REQUIRE(result.has_value());
  CHECK(*result == asio::error::operation_aborted);
}

TEST_CASE("a cancellation slot aborts the wait; emitting again, or after the end, does nothing") {
  Reactor reactor;
  asio::cancellation_signal signal;
  auto timer = std::make_unique<AsyncTimer>(reactor);
  int calls = 0;
  error_code last;
  auto wait = [&](Nanos deadline) {
    timer->async_wait(deadline, asio::bind_cancellation_slot(signal.slot(), [&](error_code error) {
                        ++calls;
                        last = error;
                      }));
  };
  wait(reactor.now_ns() + hour);
  SECTION("cancelled") {
    signal.emit(asio::cancellation_type::terminal);
    signal.emit(asio::cancellation_type::terminal);
    timer.reset();
    signal.emit(asio::cancellation_type::terminal);
    reactor.run_turn(false);
    CHECK(calls == 1);
    CHECK(last == asio::error::operation_aborted);
  }
  SECTION("expired") {
    timer->cancel();
    reactor.run_turn(false);
    wait(reactor.now_ns() + 1);
    turn_until(reactor, [&] { return calls == 2; });
    CHECK_FALSE(last);
    CHECK_FALSE(signal.slot().has_handler());
    timer.reset();
    signal.emit(asio::cancellation_type::terminal);
    reactor.run_turn(false);
    CHECK(calls == 2);
  }
}

TEST_CASE("awaitable operators cancel the slower of two waits") {
  using namespace asio::experimental::awaitable_operators;
  Reactor reactor;
  std::size_t winner = 9;
  asio::co_spawn(
      reactor,
      [&]() -> asio::awaitable<void> {
        AsyncTimer quick(reactor), slow(reactor);
        auto first = co_await (quick.async_wait(reactor.now_ns() + 10 * ms, asio::use_awaitable) ||
                               slow.async_wait(reactor.now_ns() + hour, asio::use_awaitable));
        winner = first.index();
        CHECK_FALSE(slow.waiting());
      },
      asio::detached);
  turn_until(reactor, [&] { return winner != 9; });
  CHECK(winner == 0);
}

TEST_CASE("a handler of another context is called there") {
  Reactor reactor;
  AsyncTimer timer(reactor);
  asio::io_context elsewhere;
  bool called = false;
  timer.async_wait(reactor.now_ns() + 1, asio::bind_executor(elsewhere, [&](error_code error) {
                     CHECK_FALSE(error);
                     called = true;
                   }));
  turn_until(reactor, [&] { return !timer.waiting(); });
  CHECK_FALSE(called);
  elsewhere.run();
  CHECK(called);
}

TEST_CASE("a coroutine that waits when the reactor goes is destroyed, not resumed") {
  auto token = std::make_shared<int>(0);
  {
    Reactor reactor;
    asio::co_spawn(
        reactor,
        [token, &reactor]() -> asio::awaitable<void> {
          AsyncTimer timer(reactor);
          BufferRef buffer = reactor.buffers().take(BufferSize::large);
          *token = 1;
          co_await timer.async_wait(reactor.now_ns() + hour, asio::use_awaitable);
          *token = 2;
        },
        asio::detached);
    turn_until(reactor, [&] { return *token == 1; });
  }
  CHECK(*token == 1);
  CHECK(token.use_count() == 1);
}
