// The reactor as an Asio executor: asio::post, asio::co_spawn, awaitable<> and every completion
// token run on the worker's loop through this.
//
// Work goes through the reactor's mailbox (one allocation each, in order, between two events).
// blocking.possibly, the default, runs it at once when called on the worker's own thread.
// Threads: an executor may be copied and used on any thread. It does not keep the loop running:
// the loop runs until stop(). Lifetime: the reactor must outlive every use.
#pragma once

#include <boost/asio/execution.hpp>
#include <type_traits>
#include <utility>

#include "proxy/net/reactor.hpp"

namespace switchback::net {

class Reactor::executor_type {
 public:
  explicit executor_type(Reactor& reactor) noexcept : reactor_(&reactor) {}

  Reactor& query(boost::asio::execution::context_t) const noexcept { return *reactor_; }
  boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
    if (never_) return boost::asio::execution::blocking.never;
    return boost::asio::execution::blocking.possibly;
  }
  executor_type require(boost::asio::execution::blocking_t::never_t) const noexcept {
    return executor_type(*reactor_, true);
  }
  executor_type require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
    return executor_type(*reactor_, false);
  }

  template <class F>
  void execute(F&& f) const {
    using Function = std::decay_t<F>;
    if (!never_ && reactor_->running_in_this_thread()) {
      Function function(std::forward<F>(f));
      function();
      return;
    }
    reactor_->post(*new Work<Function>(std::forward<F>(f)));
  }

  friend bool operator==(const executor_type& a, const executor_type& b) noexcept {
    return a.reactor_ == b.reactor_ && a.never_ == b.never_;
  }
  friend bool operator!=(const executor_type& a, const executor_type& b) noexcept {
    return !(a == b);
  }

 private:
  executor_type(Reactor& reactor, bool never) noexcept : reactor_(&reactor), never_(never) {}

  template <class Function>
  struct Work final : PostedWork {
    template <class F>
    explicit Work(F&& f) : PostedWork{&finish}, function(std::forward<F>(f)) {}
    static void finish(PostedWork* self, bool run) noexcept {
      auto* work = static_cast<Work*>(self);
      // Freed before it runs, so that what it posts next finds the memory warm.
      Function function(std::move(work->function));
      delete work;
      if (run) function();
    }
    Function function;
  };

  Reactor* reactor_;
  bool never_ = false;
};

inline Reactor::executor_type Reactor::get_executor() noexcept {
  return executor_type(*this);
}

static_assert(boost::asio::execution::is_executor<Reactor::executor_type>::value);

}  // namespace switchback::net
