#include "proxy/net/reactor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "proxy/base/assert.hpp"

namespace switchback::net {
namespace {

struct PostedFunction final : PostedWork {
  explicit PostedFunction(std::function<void()> f) : PostedWork{&finish}, function(std::move(f)) {}
  static void finish(PostedWork* self, bool run) noexcept {
    auto* posted = static_cast<PostedFunction*>(self);
    std::function<void()> function = std::move(posted->function);
    delete posted;
    if (run) function();
  }
  std::function<void()> function;
};

}  // namespace

Reactor::Reactor() : now_ns_(monotonic_ns()), timers_(now_ns_) {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // Edge-triggered and never read: each write to the eventfd is an edge of its own. A null
  // handler is skipped by deliver(); the mailbox flag says what there is to do.
  epoll_event event{EPOLLIN | EPOLLET, {.ptr = nullptr}};
  if (wake_fd_ < 0 || ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    const int error = errno;
    if (wake_fd_ >= 0) ::close(wake_fd_);
    ::close(epoll_fd_);
    throw std::system_error(error, std::generic_category(), "eventfd");
  }
}

Reactor::~Reactor() {
  // Coroutine frames live in services and in queued work, and they may hold buffers and timers:
  // they go before the members they lean on.
  shutdown();
  while (PostedWork* work = take_mailbox()) {
    while (work != nullptr) {
      PostedWork* next = work->next;
      work->complete(work, false);
      work = next;
    }
  }
  destroy();
  while (deferred_.next_link != &deferred_) deferred_.next_link->unlink();
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

bool Reactor::add(int fd, EventHandler& handler, std::uint32_t events) {
  epoll_event event{events, {.ptr = &handler}};
  return ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Reactor::modify(int fd, EventHandler& handler, std::uint32_t events) {
  epoll_event event{events, {.ptr = &handler}};
  return ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0;
}

void Reactor::remove(int fd, EventHandler& handler) {
  // close() alone would not do: a child process between fork and exec still holds the socket, and
  // the kernel keeps reporting it to this epoll, with a pointer to a handler that is gone.
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = batch_next_; i < batch_end_; ++i) {
    if (events_[i].data.ptr == &handler) events_[i].data.ptr = nullptr;
  }
}

void Reactor::run() {
  while (!stop_.load(std::memory_order_acquire)) run_turn(true);
  Reactor* const outer = std::exchange(running_, this);
  drain_mailbox();
  running_ = outer;
  stop_.store(false, std::memory_order_relaxed);
}

void Reactor::run_turn(bool may_wait) {
  SB_ASSERT(running_ != this);  // a handler must not turn the loop it runs in
  Reactor* const outer = std::exchange(running_, this);
  int count = ::epoll_wait(epoll_fd_, events_.data(), batch_size, may_wait ? wait_ms() : 0);
  if (count < 0) {
    SB_ASSERT(errno == EINTR);
    count = 0;
  }
  now_ns_ = monotonic_ns();
  ++turns_;
  deliver(static_cast<std::size_t>(count));
  look_at_mailbox();
  // After the events: an answer that arrived in time beats the timeout it was waited for with.
  timers_.advance(now_ns_);
  look_at_mailbox();
  run_deferred();
  running_ = outer;
}

void Reactor::run_turn_at(Nanos now_ns) {
  SB_ASSERT(running_ != this);
  Reactor* const outer = std::exchange(running_, this);
  now_ns_ = now_ns;
  ++turns_;
  look_at_mailbox();
  timers_.advance(now_ns_);
  look_at_mailbox();
  run_deferred();
  running_ = outer;
}

int Reactor::wait_ms() const {
  if (deferred_.next_link != &deferred_ || mailbox_flag_.load(std::memory_order_relaxed)) return 0;
  const Nanos until_ns = timers_.until_next(now_ns_);
  if (until_ns < 0) return -1;
  return static_cast<int>((until_ns + 999'999) / 1'000'000);  // a round of the wheel at most
}

void Reactor::deliver(std::size_t count) {
  batch_next_ = 0;
  batch_end_ = count;
  while (batch_next_ < batch_end_) {
    look_at_mailbox();  // before the event is looked at: posted work may remove its handler
    const epoll_event event = events_[batch_next_++];
    if (event.data.ptr == nullptr) continue;
    if (batch_next_ % clock_interval == 0) now_ns_ = monotonic_ns();
    static_cast<EventHandler*>(event.data.ptr)->on_event(event.events);
  }
  batch_next_ = batch_end_ = 0;
}

void Reactor::run_deferred() {
  if (deferred_.next_link == &deferred_) return;
  // A second head takes the list's place, so that what is deferred meanwhile waits for its turn.
  DeferredLink running{&running, &running};
  deferred_.append(running);
  deferred_.unlink();
  deferred_.next_link = deferred_.previous_link = &deferred_;
  while (running.next_link != &running) {
    auto& work = static_cast<Deferred&>(*running.next_link);
    work.unlink();
    work.on_deferred();
    look_at_mailbox();
  }
}

void Reactor::stop() {
  stop_.store(true, std::memory_order_release);
  if (!mailbox_flag_.exchange(true, std::memory_order_acq_rel)) wake();
}

void Reactor::post(std::function<void()> work) {
  post(*new PostedFunction(std::move(work)));
}

void Reactor::post(PostedWork& work) {
  work.next = nullptr;
  {
    std::lock_guard lock(mailbox_mutex_);
    (mailbox_last_ != nullptr ? mailbox_last_->next : mailbox_first_) = &work;
    mailbox_last_ = &work;
  }
  // Only the one who raises the flag wakes the loop, and the loop itself needs no waking: it looks
  // at the flag before it sleeps.
  if (!mailbox_flag_.exchange(true, std::memory_order_acq_rel) && !running_in_this_thread()) wake();
}

void Reactor::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

PostedWork* Reactor::take_mailbox() {
  // The flag falls before the list is taken: work queued in between raises it again.
  mailbox_flag_.exchange(false, std::memory_order_acq_rel);
  std::lock_guard lock(mailbox_mutex_);
  mailbox_last_ = nullptr;
  return std::exchange(mailbox_first_, nullptr);
}

void Reactor::drain_mailbox() {
  // What is posted meanwhile waits for the next look, so that work that posts itself again cannot
  // keep the events waiting.
  PostedWork* work = take_mailbox();
  while (work != nullptr) {
    PostedWork* next = work->next;
    work->complete(work, true);
    work = next;
  }
}

}  // namespace switchback::net
