// A worker's event loop: one epoll, remembered readiness, a timer wheel, a mailbox; and an
// asio::execution_context, so that Asio coroutines, completion tokens and posts run on it too.
//
// Every socket is registered once, edge-triggered, for reading and writing (docs/adr/0001). The
// event sets flags on the owner (net::Stream); a read or write happens only while its flag is set, and a
// short read, short write or EAGAIN clears it. So a request costs no epoll_ctl and no EAGAIN.
//
// Threads: everything is for the worker's own thread, save post() and stop().
// Lifetime: a handler may be closed and destroyed inside any handler: call remove() first; its
// undelivered events of the running batch are dropped. The memory may be reused at once.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "proxy/base/clock.hpp"
#include "proxy/net/buffer_pool.hpp"
#include "proxy/net/timer_wheel.hpp"

namespace switchback::net {

class EventHandler {
 public:
  virtual void on_event(std::uint32_t epoll_events) = 0;

 protected:
  ~EventHandler() = default;
};

// Work to be done once, after the running batch of events, on this worker (flushes, clean-up).
class Deferred {
 public:
  virtual void on_deferred() = 0;

 protected:
  ~Deferred();   // unlinks if queued
 private:
  friend class Reactor;
  Deferred* next_ = nullptr;
  Deferred* previous_ = nullptr;
};

inline constexpr std::uint32_t stream_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

class Reactor final : public boost::asio::execution_context {
 public:
  class executor_type;   // executor.hpp: execute, query(context), blocking.possibly/never

  Reactor();
  ~Reactor();

  // Registers fd. False (errno kept) when the kernel refuses.
  bool add(int fd, EventHandler& handler, std::uint32_t events = stream_events);
  bool modify(int fd, EventHandler& handler, std::uint32_t events);
  void remove(int fd, EventHandler& handler);   // before close(fd)

  void run();                                  // until stop()
  void stop();                                 // any thread
  void post(std::function<void()> work);       // any thread; runs between two events, in order
  void defer(Deferred& work);                  // own thread; twice is once

  Nanos now_ns() const { return now_ns_; }     // of this turn
  TimerWheel& timers() { return timers_; }
  BufferPool& buffers() { return buffers_; }
  std::uint64_t turns() const { return turns_; }
  executor_type get_executor() noexcept;

 private:
  struct Impl;
  void drain_mailbox();
  void run_deferred();
  void deliver(int count);
  std::unique_ptr<Impl> impl_;
  Nanos now_ns_;
  TimerWheel timers_;
  BufferPool buffers_;
  std::uint64_t turns_ = 0;
  std::atomic<bool> mailbox_flag_{false};
};

}  // namespace switchback::net
