// A worker's event loop: one epoll, remembered readiness, a timer wheel, a mailbox; and an
// asio::execution_context, so that Asio coroutines, completion tokens and posts run on it too
// (executor.hpp).
//
// Every socket is registered once, edge-triggered, for reading and writing (docs/adr/0001). The
// event sets flags on the owner (net::Stream); a read or write happens only while its flag is set,
// and a short read, short write or EAGAIN clears it. So a request costs no epoll_ctl and no EAGAIN.
//
// A turn: epoll_wait (at most 256 events), one clock read, the events, the due timers, then what
// was deferred. Between two events the mailbox is looked at, so that a posted barrier waits for at
// most one handler.
//
// Threads: everything is for the worker's own thread, save post() and stop().
// Lifetime: a handler may be closed and destroyed inside any handler: call remove() first; its
// undelivered events of the running batch are dropped. The memory may be reused at once.
// Errors: the constructor throws std::system_error when the kernel gives no epoll or eventfd
// (start-up only). An exception that leaves posted work ends the process.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <functional>
#include <mutex>

#include "proxy/base/clock.hpp"
#include "proxy/net/buffer_pool.hpp"
#include "proxy/net/pipe.hpp"
#include "proxy/net/timer_wheel.hpp"

namespace switchback::net {

class EventHandler {
 public:
  virtual void on_event(std::uint32_t epoll_events) = 0;

 protected:
  ~EventHandler() = default;
};

// A place in the circular list of deferred work; the list's head is one of these too. For the
// reactor's use.
struct DeferredLink {
  DeferredLink* next_link = nullptr;  // null: not queued
  DeferredLink* previous_link = nullptr;
  void unlink() {
    if (next_link == nullptr) return;
    previous_link->next_link = next_link;
    next_link->previous_link = previous_link;
    next_link = previous_link = nullptr;
  }
  void append(DeferredLink& link) {  // to the list whose head this is
    link.next_link = this;
    link.previous_link = previous_link;
    previous_link->next_link = &link;
    previous_link = &link;
  }
};

// Work to be done once, after the running batch of events, on this worker (flushes, clean-up).
class Deferred : public DeferredLink {
 public:
  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  virtual void on_deferred() = 0;  // may defer itself again: that runs in the next turn
  bool deferred() const { return next_link != nullptr; }  // queued and not run yet

 protected:
  ~Deferred() { unlink(); }  // takes itself off the list if queued
};

// One unit of the mailbox. `complete` frees it, after running it when `run` says so; without, it
// is what becomes of queued work when the reactor is destroyed.
struct PostedWork {
  void (*complete)(PostedWork* self, bool run) noexcept;
  PostedWork* next = nullptr;
};

inline constexpr std::uint32_t stream_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

class Reactor : public boost::asio::execution_context {
 public:
  class executor_type;  // executor.hpp: execute, query(context), blocking.possibly/never

  Reactor();
  ~Reactor();

  // Registers fd. False (errno kept) when the kernel refuses.
  bool add(int fd, EventHandler& handler, std::uint32_t events = stream_events);
  bool modify(int fd, EventHandler& handler, std::uint32_t events);
  void remove(int fd, EventHandler& handler);  // before close(fd)

  // Turns until stop(); a stop() before the call ends it at once. Work posted before the stop()
  // still runs. May be called again afterwards.
  void run();
  void run_turn(bool may_wait);  // one turn by hand; false: epoll is only asked
  // For tests and simulations: a turn at a time of their own choice, with timers and deferred work,
  // without events of the kernel. Do not mix with run().
  void run_turn_at(Nanos now_ns);
  void stop();                            // any thread
  void post(std::function<void()> work);  // any thread; runs between two events, in order
  void post(PostedWork& work);            // the same without an allocation; takes it over
  void defer(Deferred& work) {            // own thread; twice is once
    if (!work.deferred()) deferred_.append(work);
  }

  Nanos now_ns() const { return now_ns_; }  // of this turn
  TimerWheel& timers() { return timers_; }
  BufferPool& buffers() { return buffers_; }
  PipePool& pipes() { return pipes_; }
  std::uint64_t turns() const { return turns_; }
  bool running_in_this_thread() const { return running_ == this; }
  executor_type get_executor() noexcept;

 private:
  static constexpr std::size_t batch_size = 256;
  static constexpr std::size_t clock_interval = 64;  // events after which the clock is read again

  int wait_ms() const;
  void deliver(std::size_t count);
  void run_deferred();
  void look_at_mailbox() {
    if (__builtin_expect(mailbox_flag_.load(std::memory_order_relaxed), 0)) drain_mailbox();
  }
  void drain_mailbox();
  PostedWork* take_mailbox();
  void wake();

  static inline thread_local constinit Reactor* running_ = nullptr;

  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  Nanos now_ns_;
  std::uint64_t turns_ = 0;
  std::size_t batch_next_ = 0;  // the running batch: events_[batch_next_ .. batch_end_) are
  std::size_t batch_end_ = 0;   // not delivered yet
  TimerWheel timers_;
  BufferPool buffers_;
  PipePool pipes_;
  DeferredLink deferred_{&deferred_, &deferred_};
  std::array<epoll_event, batch_size> events_;

  // What other threads touch lies on cache lines of its own.
  alignas(64) std::atomic<bool> mailbox_flag_{false};  // the mailbox may hold work, or stop_
  std::atomic<bool> stop_{false};
  std::mutex mailbox_mutex_;
  PostedWork* mailbox_first_ = nullptr;
  PostedWork* mailbox_last_ = nullptr;
};

}  // namespace switchback::net
