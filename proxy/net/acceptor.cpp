#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "proxy/net/listener.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::net {
namespace {

constexpr unsigned max_accepts_per_event = 64;
constexpr Nanos pause_ns = 100'000'000;
constexpr rlim_t reserve = 64;   // descriptors that are not for clients

// The kernel gives the lowest free number, so a number tells how many are taken.
int first_of_the_reserve() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return std::numeric_limits<int>::max();
  const rlim_t most = std::min<rlim_t>(files.rlim_cur, std::numeric_limits<int>::max());
  return static_cast<int>(most - std::min(reserve, most / 8));
}

enum class AcceptFailure { none_waiting, this_connection, out_of_resources };

AcceptFailure classify(int error) {
  switch (error) {
    case EAGAIN:
      return AcceptFailure::none_waiting;
    // accept(2): Linux also reports a waiting connection's own network error here.
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
      return AcceptFailure::this_connection;
    default:   // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever else would repeat at once
      return AcceptFailure::out_of_resources;
  }
}

}  // namespace

Acceptor::Acceptor(Reactor& reactor, int fd, bool shared, OnAccept on_accept, AcceptGate* gate)
    : reactor_(reactor),
      fd_(fd),
      shared_(shared),
      first_scarce_fd_(first_of_the_reserve()),
      on_accept_(std::move(on_accept)),
      gate_(gate) {
  set_nodelay(fd);   // accepted sockets inherit it, which saves a call for each
  watch();
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::stop() {
  stopped_ = true;
  reactor_.timers().disarm(*this);
  unwatch();
}

void Acceptor::resume() {
  if (!held_ || stopped_) return;
  held_ = false;
  watch();
}

void Acceptor::watch() {
  // Level-triggered: what one turn leaves in the backlog is reported again in the next. Exclusive
  // on a shared socket: one connection wakes one worker, not all of them.
  const std::uint32_t exclusive = shared_ ? std::uint32_t{EPOLLEXCLUSIVE} : 0u;
  watching_ = reactor_.add(fd_, *this, EPOLLIN | exclusive);
  if (!watching_) pause();   // the kernel is out of memory or watches
}

void Acceptor::unwatch() {
  // Taken out, not modified: the kernel refuses EPOLL_CTL_MOD of an EPOLLEXCLUSIVE registration.
  if (watching_) reactor_.remove(fd_, *this);
  watching_ = false;
}

void Acceptor::pause() {
  ++pauses_;
  unwatch();
  reactor_.timers().arm(*this, reactor_.now_ns() + pause_ns);
}

void Acceptor::on_timer() {
  if (!stopped_) watch();
}

void Acceptor::on_event(std::uint32_t) { accept_some(); }

// Whether the next connection would take one of the last descriptors.
bool Acceptor::scarce() {
  if (!scarce_) return false;
  const int probe = ::dup(fd_);
  scarce_ = probe < 0 || probe >= first_scarce_fd_;
  if (probe >= 0) ::close(probe);
  return scarce_;
}

void Acceptor::accept_some() {
  // One accept an event costs no failing call when connections come singly. An event in the very
  // next turn after a spent budget says that more wait: the budget doubles until they do not.
  const bool flood = reactor_.turns() == next_turn_;
  budget_ = flood ? std::min(budget_ * 2, max_accepts_per_event) : 1;
  for (unsigned i = 0; i < budget_ && !stopped_; ++i) {
    if (scarce() && !gate_->make_room()) {
      pause();
      return;
    }
    if (gate_ && !gate_->enter()) {
      held_ = true;
      unwatch();
      return;
    }
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      scarce_ = gate_ && fd >= first_scarce_fd_;
      on_accept_(fd, peer);
      continue;
    }
    const int error = errno;
    if (gate_) gate_->leave();
    switch (classify(error)) {
      case AcceptFailure::none_waiting:
        return;
      case AcceptFailure::this_connection:
        continue;
      case AcceptFailure::out_of_resources:
        if (gate_ && (error == EMFILE || error == ENFILE) && gate_->make_room()) continue;
        pause();
        return;
    }
  }
  next_turn_ = reactor_.turns() + 1;
}

}  // namespace switchback::net
