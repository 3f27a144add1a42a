// The program's own log. Who logs never waits for who reads: lines go into a bounded queue, and a
// thread of their own writes them to stderr. A reader that stands still (a full pipe, a journal
// that hangs) would otherwise hold the control thread, and with it every rollback.
#include <poll.h>
#include <signal.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "proxy/log/access_log.hpp"
#include "proxy/log/log_sink.hpp"

namespace switchback::log {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t most_waiting = 256 * 1024;     // bytes that nobody has read yet
constexpr std::chrono::seconds last_words_limit{1};  // at the end, for a reader that takes nothing
std::atomic<std::uint64_t> dropped_lines{0};

spdlog::level::level_enum level_of(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::trace:
      return spdlog::level::trace;
    case config::LogLevel::debug:
      return spdlog::level::debug;
    case config::LogLevel::info:
      return spdlog::level::info;
    case config::LogLevel::warn:
      return spdlog::level::warn;
    case config::LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Shared with its thread, which outlives the sink where stderr is a file on a disk that hangs.
struct Lane {
  LogSink stream{"stderr"};  // throws where there is none
  std::mutex mutex;
  std::condition_variable wake, idle;
  std::string waiting;
  std::uint64_t untold = 0;  // lines dropped since the last that was taken
  bool writing = false, stopping = false;
  Clock::time_point give_up{};

  void put(std::string_view line);
  void run();
  void write(const std::string& batch);
  bool wait_until_written();
};

void Lane::put(std::string_view line) {
  const std::lock_guard lock(mutex);
  if (waiting.size() + line.size() > most_waiting) {
    ++untold;
    ++dropped_lines;
    return;
  }
  if (untold > 0) {
    waiting += "… " + std::to_string(untold) + " lines are missing here: nobody read this log\n";
    untold = 0;
  }
  waiting += line;
  wake.notify_one();
}

void Lane::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return stopping || !waiting.empty(); });
    if (waiting.empty()) return;
    std::string batch;
    batch.swap(waiting);
    writing = true;
    lock.unlock();
    write(batch);
    lock.lock();
    writing = false;
    idle.notify_all();
  }
}

void Lane::write(const std::string& batch) {
  std::size_t at = 0;
  while (at < batch.size()) {
    std::size_t taken = 0;
    const int error = stream.write(std::string_view(batch).substr(at), taken);
    at += taken;
    if (error == 0) return;
    if (error != EAGAIN) return;  // lines about a broken stderr would go to the broken stderr
    {
      const std::lock_guard lock(mutex);
      if (stopping && Clock::now() >= give_up) return;
    }
    pollfd room{stream.fd(), POLLOUT, 0};
    ::poll(&room, 1, 50);
  }
}

bool Lane::wait_until_written() {
  std::unique_lock lock(mutex);
  return idle.wait_for(lock, last_words_limit, [this] { return waiting.empty() && !writing; });
}

class LaneSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LaneSink() : lane_(std::make_shared<Lane>()) {
    // Signals are for the main thread.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([lane = lane_] { lane->run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~LaneSink() override {
    {
      const std::lock_guard lock(lane_->mutex);
      lane_->stopping = true;
      lane_->give_up = Clock::now() + last_words_limit;
    }
    lane_->wake.notify_one();
    if (lane_->wait_until_written()) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    lane_->put({line.data(), line.size()});
  }
  void flush_() override { lane_->wait_until_written(); }

 private:
  std::shared_ptr<Lane> lane_;
  std::thread thread_;
};

}  // namespace

void start_program_log(config::LogLevel level) {
  // No registered name, so that a second start (tests) replaces the first instead of throwing.
  auto logger = std::make_shared<spdlog::logger>("switchback");
  try {
    logger->sinks().push_back(std::make_shared<LaneSink>());
  } catch (const std::exception&) {
    // Started without a stderr: there is nobody to tell, and that is no reason not to serve.
  }
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(level_of(level));
  // Written at once by the lane; a flush would wait for it.
  logger->flush_on(spdlog::level::off);
  logger->set_error_handler([](const std::string&) {});
  spdlog::set_default_logger(std::move(logger));
}

void set_program_log_level(config::LogLevel level) {
  spdlog::default_logger_raw()->set_level(level_of(level));
}

std::uint64_t dropped_program_log_lines() {
  return dropped_lines.load();
}

}  // namespace switchback::log
