// A timer on the worker's wheel as an Asio object, for coroutines and every completion token:
//
//   co_await timer.async_wait(reactor.now_ns() + to_nanos(5s), asio::use_awaitable);
//
// Completes with success at or after the deadline (grain: timer_wheel.hpp), or with
// asio::error::operation_aborted after cancel(), destruction of the timer, or any cancellation
// through the handler's slot. One wait at a time. Where the reactor is destroyed first, the waiting
// handler (and the coroutine in it) is destroyed without being called.
//
// Threads: the worker's, for the timer, for cancellation, and for the destruction of both.
// Allocation: one a wait, through the handler's associated allocator. For odd paths; the hot path
// derives from net::Timer and allocates nothing.
#pragma once

#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/net/executor.hpp"

namespace switchback::net {

class AsyncTimer {
 public:
  using executor_type = Reactor::executor_type;

  explicit AsyncTimer(Reactor& reactor)
      : reactor_(reactor), waits_(boost::asio::use_service<Waits>(reactor)) {}
  AsyncTimer(const AsyncTimer&) = delete;
  AsyncTimer& operator=(const AsyncTimer&) = delete;
  ~AsyncTimer() { cancel(); }

  executor_type get_executor() const noexcept { return reactor_.get_executor(); }
  bool waiting() const { return pending_ != nullptr; }

  // Token signature: void(boost::system::error_code).
  template <class Token>
  auto async_wait(Nanos deadline_ns, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto&& handler, Nanos deadline) {
          start(std::forward<decltype(handler)>(handler), deadline);
        },
        token, deadline_ns);
  }

  // The waiting handler is called soon, never inside cancel() itself. No-op when nothing waits.
  void cancel() {
    if (pending_ != nullptr) pending_->finish(Wait::Outcome::cancelled);
  }

 private:
  struct Waits;

  // One wait: its handler behind a virtual call, linked so that the reactor's end can find it.
  struct Wait : Timer {
    enum class Outcome { expired, cancelled, cancelled_by_slot };
    Wait(AsyncTimer& timer) : owner(&timer), next(timer.waits_.first) {
      if (next != nullptr) next->previous = this;
      timer.waits_.first = this;
      owner->pending_ = this;
    }
    virtual void finish(Outcome outcome) = 0;  // frees this, then completes
    virtual void destroy() = 0;                // frees this
    void on_timer() final { finish(Outcome::expired); }

    AsyncTimer* owner;
    Wait* next;
    Wait* previous = nullptr;

   protected:
    ~Wait() {
      owner->pending_ = nullptr;
      (previous != nullptr ? previous->next : owner->waits_.first) = next;
      if (next != nullptr) next->previous = previous;
    }
  };

  struct Waits final : boost::asio::execution_context::service {
    using key_type = Waits;
    static inline boost::asio::execution_context::id id;
    explicit Waits(boost::asio::execution_context& context) : service(context) {}
    void shutdown() override {
      while (first != nullptr) first->destroy();
    }
    Wait* first = nullptr;
  };

  // What a handler's cancellation slot calls: once, since the timer may be gone the second time.
  struct SlotCancel {
    AsyncTimer* timer;
    void operator()(boost::asio::cancellation_type type) {
      if (timer == nullptr || type == boost::asio::cancellation_type::none) return;
      Wait* wait = std::exchange(timer, nullptr)->pending_;
      if (wait != nullptr) wait->finish(Wait::Outcome::cancelled_by_slot);
    }
  };

  template <class Handler>
  struct WaitFor;

  template <class Handler>
  void start(Handler&& handler, Nanos deadline_ns) {
    using Concrete = WaitFor<std::decay_t<Handler>>;
    SB_ASSERT(pending_ == nullptr);
    Wait* wait = Concrete::create(*this, std::forward<Handler>(handler));
    reactor_.timers().arm(*wait, deadline_ns);
  }

  Reactor& reactor_;
  Waits& waits_;
  Wait* pending_ = nullptr;
};

template <class Handler>
struct AsyncTimer::WaitFor final : Wait {
  using Allocator = typename std::allocator_traits<
      boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<WaitFor>;
  using HandlerExecutor = boost::asio::associated_executor_t<Handler, executor_type>;

  static Wait* create(AsyncTimer& timer, Handler handler) {
    Allocator allocator(boost::asio::get_associated_allocator(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    WaitFor* wait = std::allocator_traits<Allocator>::allocate(allocator, 1);
    new (wait) WaitFor(timer, std::move(handler));
    if (slot.is_connected()) slot.assign(SlotCancel{&timer});
    return wait;
  }

  WaitFor(AsyncTimer& timer, Handler&& waiting)
      : Wait(timer),
        handler(std::move(waiting)),
        work(boost::asio::get_associated_executor(handler, timer.get_executor())) {}

  void finish(Outcome outcome) override {
    namespace asio = boost::asio;
    auto slot = asio::get_associated_cancellation_slot(handler);
    // A slot that is being called must not be emptied under its own feet; it is spent anyway.
    if (slot.is_connected() && outcome != Outcome::cancelled_by_slot) slot.clear();
    const auto executor = owner->get_executor();
    const auto keep_working = std::move(work);  // until the handler's own executor has the handler
    Handler waiting = release();
    const boost::system::error_code none, aborted = asio::error::operation_aborted;
    if (outcome == Outcome::expired) {
      asio::dispatch(executor, asio::append(std::move(waiting), none));
    } else {
      asio::post(executor, asio::append(std::move(waiting), aborted));
    }
  }

  void destroy() override { release(); }

  // Frees this and hands out the handler, whose end may be the end of the timer.
  Handler release() {
    Allocator allocator(boost::asio::get_associated_allocator(handler));
    Handler out(std::move(handler));
    this->~WaitFor();
    std::allocator_traits<Allocator>::deallocate(allocator, this, 1);
    return out;
  }

  Handler handler;
  boost::asio::executor_work_guard<HandlerExecutor> work;
};

}  // namespace switchback::net
