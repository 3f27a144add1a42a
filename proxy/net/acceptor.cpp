#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proxy/net/listener.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::net {
namespace {

constexpr unsigned max_accepts_per_event = 64;
constexpr Nanos pause_ns = 100'000'000;

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

Acceptor::Acceptor(Reactor& reactor, int fd, bool shared, OnAccept on_accept)
    : reactor_(reactor), fd_(fd), shared_(shared), on_accept_(std::move(on_accept)) {
  set_nodelay(fd);   // accepted sockets inherit it, which saves a call for each
  watch();
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::stop() {
  stopped_ = true;
  reactor_.timers().disarm(*this);
  if (watching_) reactor_.remove(fd_, *this);
  watching_ = false;
}

void Acceptor::watch() {
  // Level-triggered: what one turn leaves in the backlog is reported again in the next. Exclusive
  // on a shared socket: one connection wakes one worker, not all of them.
  const std::uint32_t exclusive = shared_ ? std::uint32_t{EPOLLEXCLUSIVE} : 0u;
  watching_ = reactor_.add(fd_, *this, EPOLLIN | exclusive);
  if (!watching_) pause();   // the kernel is out of memory or watches
}

void Acceptor::pause() {
  ++pauses_;
  // Taken out, not modified: the kernel refuses EPOLL_CTL_MOD of an EPOLLEXCLUSIVE registration.
  if (watching_) reactor_.remove(fd_, *this);
  watching_ = false;
  reactor_.timers().arm(*this, reactor_.now_ns() + pause_ns);
}

void Acceptor::on_timer() {
  if (!stopped_) watch();
}

void Acceptor::on_event(std::uint32_t) { accept_some(); }

void Acceptor::accept_some() {
  // One accept an event costs no failing call when connections come singly. An event in the very
  // next turn after a spent budget says that more wait: the budget doubles until they do not.
  const bool flood = reactor_.turns() == next_turn_;
  budget_ = flood ? std::min(budget_ * 2, max_accepts_per_event) : 1;
  for (unsigned i = 0; i < budget_ && !stopped_; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      on_accept_(fd, peer);
      continue;
    }
    switch (classify(errno)) {
      case AcceptFailure::none_waiting:
        return;
      case AcceptFailure::this_connection:
        continue;
      case AcceptFailure::out_of_resources:
        pause();
        return;
    }
  }
  next_turn_ = reactor_.turns() + 1;
}

}  // namespace switchback::net
