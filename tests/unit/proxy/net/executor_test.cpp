#include "proxy/net/executor.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <string>
#include <thread>

#include "tests/unit/proxy/net/net_fixtures.hpp"

namespace asio = boost::asio;
using namespace switchback::net;

namespace {

asio::awaitable<int> twice(int n) {
  co_await asio::post(asio::use_awaitable);  // suspends, and comes back through the mailbox
  co_return 2 * n;
}

asio::awaitable<int> sum() {
  const int a = co_await twice(1);
  const int b = co_await twice(20);
  co_return a + b;
}

}  // namespace

TEST_CASE("a coroutine with nested awaitables runs on the reactor and comes to its end") {
  Reactor reactor;
  int result = 0;
  bool on_reactor = false;
  asio::co_spawn(
      reactor,
      [&]() -> asio::awaitable<void> {
        result = co_await sum();
        const asio::any_io_executor here = co_await asio::this_coro::executor;
        const auto* own = here.target<Reactor::executor_type>();
        on_reactor = own != nullptr && *own == reactor.get_executor();
        reactor.stop();
      },
      asio::detached);
  CHECK(result == 0);  // not before the loop runs
  reactor.run();
  CHECK(result == 42);
  CHECK(on_reactor);
}

TEST_CASE("an awaitable's result reaches a completion handler and a future") {
  Reactor reactor;
  int result = 0;
  asio::co_spawn(reactor, sum(), [&](std::exception_ptr error, int value) {
    CHECK_FALSE(static_cast<bool>(error));
    result = value;
  });
  while (result == 0) reactor.run_turn(true);
  CHECK(result == 42);

  std::thread worker([&] { reactor.run(); });
  std::future<int> later = asio::co_spawn(reactor, sum(), asio::use_future);
  CHECK(later.get() == 42);
  reactor.stop();
  worker.join();
}

TEST_CASE("post never runs inline, dispatch does on the worker's own thread only") {
  Reactor reactor;
  std::string order;
  asio::dispatch(reactor, [&] { order += 'd'; });  // the loop is not running: queued
  CHECK(order.empty());
  asio::post(reactor, [&] {
    asio::post(reactor, [&] { order += 'p'; });
    asio::dispatch(reactor, [&] { order += 'i'; });
    order += '.';
  });
  while (order.size() < 4) reactor.run_turn(true);
  CHECK(order == "di.p");
}

TEST_CASE("work need not be copyable") {
  Reactor reactor;
  int got = 0;
  asio::post(reactor, [&got, value = std::make_unique<int>(7)] { got = *value; });
  reactor.run_turn(false);
  CHECK(got == 7);
}

TEST_CASE("executors compare by reactor and property, and name their context") {
  Reactor one, two;
  const auto a = one.get_executor();
  CHECK(a == one.get_executor());
  CHECK(a != two.get_executor());
  const auto never = asio::require(a, asio::execution::blocking.never);
  CHECK(never != a);
  CHECK(asio::require(never, asio::execution::blocking.possibly) == a);
  CHECK(asio::query(never, asio::execution::blocking) == asio::execution::blocking.never);
  CHECK(asio::query(a, asio::execution::blocking) == asio::execution::blocking.possibly);
  CHECK(&asio::query(a, asio::execution::context) == &one);
  const asio::any_io_executor any = a;
  CHECK(&any.context() == &one);
}

TEST_CASE("a coroutine that has not ended goes with its reactor") {
  auto token = std::make_shared<int>(0);
  {
    Reactor reactor;
    asio::co_spawn(
        reactor,
        [token, &reactor]() -> asio::awaitable<void> {
          BufferRef buffer = reactor.buffers().take(BufferSize::small);
          for (;;) co_await twice(++*token);
        },
        asio::detached);
    for (int i = 0; i < 5; ++i) reactor.run_turn(false);
    CHECK(*token > 1);
    CHECK(reactor.buffers().lent_bytes() > 0);
  }  // the pool asserts that the frame gave its buffer back
  CHECK(token.use_count() == 1);
}
