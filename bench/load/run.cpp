#include "run.hpp"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace load {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t grace_ns = 3 * second;
constexpr unsigned warming_at_once = 64;  // less than any backlog
constexpr std::int64_t warming_limit_ns = 60 * second;

std::string request_text(const Options& options) {
  std::string text = options.method + " " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (options.close) text += "Connection: close\r\n";
  if (options.body_bytes > 0 || options.method != "GET")
    text += "Content-Length: " + std::to_string(options.body_bytes) + "\r\n";
  return text + "\r\n" + std::string(options.body_bytes, 'x');
}

}  // namespace

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * second + now.tv_nsec;
}

Run::Run(const Options& options) : options_(options) {
  target_.address.sin_family = AF_INET;
  target_.address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  target_.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target_.request = request_text(options);
  target_.epoll = ::epoll_create1(EPOLL_CLOEXEC);
  target_.resume = options.resume;
  if (options.tls) target_.tls = make_client_context();
  for (unsigned i = 0; i < options.connections; ++i)
    connections_.push_back(std::make_unique<Connection>(target_, i));
}

Run::~Run() {
  connections_.clear();
  if (target_.tls != nullptr) SSL_CTX_free(target_.tls);
  ::close(target_.epoll);
}

std::int64_t Run::due_ns(std::uint64_t index) const {
  if (options_.rate <= 0) return 0;
  return start_ns_ + static_cast<std::int64_t>(static_cast<double>(index) * second / options_.rate);
}

void Run::wait(std::int64_t until_ns) {
  epoll_event events[256];
  const std::int64_t left = std::max<std::int64_t>(0, until_ns - now_ns());
  const timespec timeout{static_cast<time_t>(left / second), static_cast<long>(left % second)};
  const int n = ::epoll_pwait2(target_.epoll, events, 256, &timeout, nullptr);
  for (int i = 0; i < n; ++i) advance(*connections_[events[i].data.u32]);
}

void Run::begin(Connection& connection, std::int64_t due, bool counted) {
  connection.due_ns = due;
  connection.counted = counted;
  if (counted) ++under_way_;
  if (!connection.is_open() && !connection.open()) return on_failure(connection);
  connection.ask();
  advance(connection);
}

void Run::advance(Connection& connection) {
  if (!connection.is_open()) return;  // a late event of one that is shut
  switch (connection.advance()) {
    case Outcome::pending:
      return;
    case Outcome::ready:
      return put_back(connection);
    case Outcome::answered:
      return on_answer(connection);
    case Outcome::closed:
      // Between requests: an idle connection is on the list already and is opened again when
      // needed.
      if (options_.close) {
        connection.shut();
        return put_back(connection);
      }
      ++seen_.reconnects;
      return connection.shut();
    case Outcome::failed:
      return on_failure(connection);
  }
}

void Run::on_answer(Connection& connection) {
  const bool good = connection.status() == 200;
  if (connection.counted) {
    --under_way_;
    if (good) {
      ++seen_.good;
      if (connection.resumed()) ++seen_.resumed;
      seen_.latencies_ns.push_back(now_ns() - connection.due_ns);
    } else {
      ++seen_.bad_status;
    }
    connection.counted = false;
  }
  if (seen_.tls.empty()) seen_.tls = connection.tls_name();
  if (!options_.close) return put_back(connection);
  connection.await_end();
  advance(connection);  // the end may have come with the answer
}

void Run::on_failure(Connection& connection) {
  if (connection.counted) {
    --under_way_;
    ++seen_.failed;
    connection.counted = false;
  }
  connection.shut();
  if (!warming_) put_back(connection);
}

void Run::put_back(Connection& connection) {
  idle_.push_back(&connection);
}

unsigned Run::warm_up() {
  warming_ = true;
  const std::int64_t limit = now_ns() + warming_limit_ns;
  const std::size_t wanted = options_.close ? 1 : connections_.size();
  // Connections that come back are idle; those that fail are not tried again.
  std::size_t begun = 0;
  while (now_ns() < limit) {
    const auto gone = static_cast<std::size_t>(
        std::count_if(connections_.begin(), connections_.begin() + static_cast<long>(begun),
                      [](const auto& c) { return !c->is_open(); }));
    const std::size_t finished = options_.close ? idle_.size() : idle_.size() + gone;
    if (finished >= wanted || (options_.close && begun > 0 && gone == begun)) break;
    while (begun < wanted && begun - std::min(begun, finished) < warming_at_once)
      begin(*connections_[begun++], now_ns(), false);
    wait(now_ns() + second / 20);
  }
  const auto stand = static_cast<unsigned>(idle_.size());
  warming_ = false;
  // Those that failed are tried again in earnest, so that a server that says no shows as failures.
  idle_.clear();
  for (auto& connection : connections_) idle_.push_back(connection.get());
  seen_.reconnects = 0;
  return stand;
}

void Run::start_due() {
  while (!idle_.empty()) {
    // Looked at each time: connections that are refused at once come straight back.
    const std::int64_t now = now_ns();
    const std::int64_t due = options_.rate > 0 ? due_ns(next_) : now;
    // What was due before the end is still sent after it: being late is what latencies are to show.
    if (due > now || due >= end_ns_ || now >= end_ns_ + grace_ns) return;
    Connection* connection = idle_.back();
    idle_.pop_back();
    ++next_;
    begin(*connection, due, true);
  }
}

void Run::measure() {
  seen_.latencies_ns.reserve(static_cast<std::size_t>(options_.seconds * 200'000));
  start_ns_ = now_ns();
  end_ns_ = start_ns_ + static_cast<std::int64_t>(options_.seconds * second);
  for (;;) {
    start_due();
    const std::int64_t now = now_ns();
    const bool more_due = options_.rate > 0 && due_ns(next_) < end_ns_;
    if (now >= end_ns_ && !more_due && under_way_ == 0) break;
    if (now >= end_ns_ + grace_ns) break;
    std::int64_t until = now < end_ns_ ? end_ns_ : end_ns_ + grace_ns;
    if (more_due && !idle_.empty()) until = std::min(until, due_ns(next_));
    wait(until);
  }
  seen_.seconds = static_cast<double>(now_ns() - start_ns_) / second;
  seen_.unanswered = under_way_;
  while (options_.rate > 0 && due_ns(next_ + seen_.unsent) < end_ns_) ++seen_.unsent;
}

void Run::count_standing() {
  epoll_event events[256];
  int n = 0;
  while ((n = ::epoll_wait(target_.epoll, events, 256, 0)) > 0) {
    for (int i = 0; i < n; ++i) advance(*connections_[events[i].data.u32]);
  }
  seen_.standing = static_cast<std::uint64_t>(std::count_if(
      connections_.begin(), connections_.end(), [](const auto& c) { return c->is_open(); }));
}

}  // namespace load
