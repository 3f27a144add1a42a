#include "proxy/log/access_log.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "proxy/log/access_ring.hpp"
#include "proxy/log/log_sink.hpp"

namespace switchback::log {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int poll_interval_ms = 50;  // how old a record may get in a quiet ring
constexpr std::size_t batch_bytes = 64 * 1024;
constexpr std::chrono::milliseconds retry_pause{250};  // after a failed write
constexpr std::chrono::seconds last_write_limit{1};    // at the end, for a sink that takes nothing

}  // namespace

struct AccessLog::Impl {
  Impl(config::AccessFormat f, std::string p) : format(f), path(std::move(p)) {}
  void run();
  bool drain();
  void take_in(AccessRing::Impl& ring);
  bool write_out();
  void change_file();
  void report(int error_number);
  void wait();
  void answer_flush(std::uint64_t ticket);
  void wake() const;

  const config::AccessFormat format;
  const std::string path;
  std::optional<LogSink> sink;
  std::vector<std::unique_ptr<AccessRing>> rings;
  int wake_fd = -1;
  std::thread thread;

  // The log's thread only. `pending` holds whole lines, less than two batches; `sent` bytes of its
  // first line are in the file already.
  std::string pending;
  std::size_t sent = 0;
  bool broken = false;       // the last write failed
  bool reader_slow = false;  // the last write ended with EAGAIN
  Clock::time_point retry_at{};

  std::atomic<std::uint64_t> written{0}, write_errors{0};
  std::atomic<bool> stopping{false}, reopen_wanted{false};

  std::mutex mutex;  // of the flush tickets
  std::condition_variable flushed;
  std::uint64_t flush_asked = 0, flush_done = 0;
};

AccessLog::AccessLog(config::AccessFormat format, std::string path, unsigned workers)
    : impl_(std::make_unique<Impl>(format, std::move(path))) {
  const bool on = format != config::AccessFormat::off;
  if (on) {
    impl_->sink.emplace(impl_->path);
    impl_->wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (impl_->wake_fd < 0) {
      throw std::runtime_error("access log: no eventfd: " + std::generic_category().message(errno));
    }
  }
  for (unsigned i = 0; i < workers; ++i) {
    auto ring = std::make_unique<AccessRing>(on ? std::size_t{1} << 20 : 0);
    ring->impl_->wake_fd = impl_->wake_fd;
    ring->impl_->discard = !on;
    impl_->rings.push_back(std::move(ring));
  }
  if (!on) return;
  // Signals are for the main thread, SIGPIPE included: a reader of stdout that went is an EPIPE
  // here.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "sb-access-log");
    impl->run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AccessLog::~AccessLog() {
  if (!enabled()) return;
  impl_->stopping.store(true);
  impl_->wake();
  impl_->thread.join();
  ::close(impl_->wake_fd);
}

AccessRing& AccessLog::ring(unsigned worker) {
  return *impl_->rings.at(worker);
}
bool AccessLog::enabled() const {
  return impl_->sink.has_value();
}
std::uint64_t AccessLog::written() const {
  return impl_->written.load();
}
std::uint64_t AccessLog::write_errors() const {
  return impl_->write_errors.load();
}

void AccessLog::reopen() {
  if (!enabled()) return;
  impl_->reopen_wanted.store(true);
  impl_->wake();
}

void AccessLog::flush() {
  if (!enabled()) return;
  std::unique_lock lock(impl_->mutex);
  const auto ticket = ++impl_->flush_asked;
  impl_->wake();
  impl_->flushed.wait(lock, [&] { return impl_->flush_done >= ticket; });
}

void AccessLog::Impl::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_fd, &one, sizeof one);
}

void AccessLog::Impl::wait() {
  pollfd watched[2] = {{wake_fd, POLLIN, 0}, {sink->fd(), POLLOUT, 0}};
  if (::poll(watched, reader_slow ? 2 : 1, poll_interval_ms) <= 0) return;
  std::uint64_t ignored;
  [[maybe_unused]] const auto n = ::read(wake_fd, &ignored, sizeof ignored);
}

void AccessLog::Impl::run() {
  pending.reserve(batch_bytes * 2);
  Clock::time_point flush_limit{};
  std::uint64_t ticket = 0, answered = 0;
  while (!stopping.load()) {
    wait();
    {
      std::lock_guard lock(mutex);
      if (ticket != flush_asked) flush_limit = Clock::now() + last_write_limit;
      ticket = flush_asked;
    }
    // Someone waits for the outcome: try now, whatever happened before.
    if (ticket != answered) retry_at = {};
    if (reopen_wanted.exchange(false)) change_file();
    const bool all = drain();
    if (ticket == answered || !(all || broken || Clock::now() >= flush_limit)) continue;
    answer_flush(ticket);
    answered = ticket;
  }
  const auto limit = Clock::now() + last_write_limit;
  do {
    retry_at = {};
    if (drain() || broken) break;  // only a slow reader is worth waiting for
    wait();
  } while (Clock::now() < limit);
  std::unique_lock lock(mutex);
  const auto last = flush_asked;
  lock.unlock();
  answer_flush(last);
}

void AccessLog::Impl::answer_flush(std::uint64_t ticket) {
  {
    std::lock_guard lock(mutex);
    flush_done = ticket;
  }
  flushed.notify_all();
}

// Everything that was in the rings when it began: true. Unless the sink fails: then what is pending
// stays pending, the rings fill up, and workers drop and count.
bool AccessLog::Impl::drain() {
  for (auto& ring : rings) ring->impl_->woken.store(false, std::memory_order_relaxed);
  if (!pending.empty() && !write_out()) return false;
  for (auto& ring : rings) {
    const std::uint64_t until = ring->impl_->head.load(std::memory_order_acquire);
    while (ring->impl_->tail.load(std::memory_order_relaxed) < until) {
      take_in(*ring->impl_);
      if (pending.size() >= batch_bytes && !write_out()) return false;
    }
  }
  return pending.empty() || write_out();
}

void AccessLog::Impl::take_in(AccessRing::Impl& ring) {
  ring.consume([this](const AccessRecord& record) {
    if (format == config::AccessFormat::json) {
      format_json(record, pending);
    } else {
      format_text(record, pending);
    }
    pending += '\n';
    return pending.size() < batch_bytes;
  });
}

// False: the sink takes no more for now. Then `pending` begins with the line that is not complete.
bool AccessLog::Impl::write_out() {
  if (broken && Clock::now() < retry_at) return false;
  std::size_t bytes = 0;
  const int error_number = sink->write(std::string_view(pending).substr(sent), bytes);
  sent += bytes;
  const auto complete = error_number == 0 ? pending.size() : pending.rfind('\n', sent - 1) + 1;
  const std::size_t whole = sent == 0 ? 0 : complete;
  written.fetch_add(static_cast<std::uint64_t>(
      std::count(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(whole), '\n')));
  pending.erase(0, whole);
  sent -= whole;
  if (error_number != 0) {
    report(error_number);
    return false;
  }
  reader_slow = false;
  if (broken) {
    broken = false;
    spdlog::warn("access log {}: writing again", path);
  }
  return true;
}

// Once when it begins. A reader that is slow is no error: it makes records wait, then drop.
void AccessLog::Impl::report(int error_number) {
  reader_slow = error_number == EAGAIN || error_number == EWOULDBLOCK;
  if (reader_slow) return;
  retry_at = Clock::now() + retry_pause;
  write_errors.fetch_add(1);
  if (broken) return;
  broken = true;
  spdlog::error(
      "access log {}: {}; requests go on, records are dropped and counted until it can be "
      "written again",
      path, std::generic_category().message(error_number));
}

// A line that is half in the old file is completed there if possible; in any case the new file
// begins with a whole line.
void AccessLog::Impl::change_file() {
  if (sent > 0) {
    retry_at = {};
    write_out();
  }
  if (const std::string error = sink->reopen(); !error.empty()) {
    spdlog::error("access log {}: cannot be reopened: {}; the old file goes on being written", path,
                  error);
    return;
  }
  sent = 0;
  retry_at = {};
}

}  // namespace switchback::log
