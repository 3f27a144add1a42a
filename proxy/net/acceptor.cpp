#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "proxy/net/listener.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::net {
namespace {

constexpr unsigned max_accepts_per_event = 64;
constexpr Nanos pause_ns = 100'000'000;
// A listener that has accepted within the last second has others on the way.
constexpr Nanos busy_ns = 1'000'000'000;

enum class AcceptFailure { none_waiting, this_connection, out_of_resources };

AcceptFailure classify(int error) {
  switch (error) {
    case EAGAIN:
    case EINVAL:  // shut down, and nobody is left
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
    default:  // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever else would repeat at once
      return AcceptFailure::out_of_resources;
  }
}

}  // namespace

Acceptor::Acceptor(Reactor& reactor, int fd, bool shared, OnAccept on_accept, AcceptGate* gate)
    : reactor_(reactor),
      fd_(fd),
      shared_(shared),
      first_scarce_fd_(net::first_scarce_fd()),
      on_accept_(std::move(on_accept)),
      gate_(gate) {
  set_nodelay(fd);  // accepted sockets inherit both, which saves two calls for each
  limit_unsent(fd);
  watch();
}

Acceptor::~Acceptor() {
  stop();
}

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
  if (!watching_) pause();  // the kernel is out of memory or watches
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

void Acceptor::on_event(std::uint32_t) {
  accept_some();
}

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
  for (unsigned i = 0; i < budget_ && !stopped_; ++i)
    if (accept_one() != Accepted::one) return;
  next_turn_ = reactor_.turns() + 1;
}

Acceptor::Accepted Acceptor::accept_one() {
  if (scarce() && !gate_->make_room()) {
    pause();
    return Accepted::hindered;
  }
  if (gate_ && !gate_->enter()) {
    held_ = true;
    unwatch();
    return Accepted::hindered;
  }
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  const int fd =
      ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    scarce_ = gate_ && fd >= first_scarce_fd_;
    accepted_ns_ = reactor_.now_ns();
    on_accept_(fd, peer);
    return Accepted::one;
  }
  const int error = errno;
  if (gate_) gate_->leave();
  switch (classify(error)) {
    case AcceptFailure::none_waiting:
      return Accepted::none_waits;
    case AcceptFailure::this_connection:
      return Accepted::one;
    case AcceptFailure::out_of_resources:
      break;
  }
  if (gate_ && (error == EMFILE || error == ENFILE) && gate_->make_room()) return Accepted::one;
  pause();
  return Accepted::hindered;
}

bool Acceptor::is_unix() const {
  int domain = AF_UNSPEC;
  socklen_t length = sizeof domain;
  ::getsockopt(fd_, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  return domain == AF_UNIX;
}

bool Acceptor::refuse_new() {
  if (is_unix()) {
    finish();
    return false;
  }
  // A classic BPF program sees a packet from its TCP header on: flags in byte 13, SYN without ACK
  // is dropped (length 0), all else passes.
  sock_filter program[] = {
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, 13},    {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x12},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0x02}, {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, 0xffffffff},
  };
  const sock_fprog filter{std::size(program), program};
  ::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  return accepted_ns_ != 0 && reactor_.now_ns() - accepted_ns_ < busy_ns;
}

bool Acceptor::finish() {
  if (stopped_) return true;
  // The descriptor stays its owner's; it only listens no longer. A unix socket that is shut down
  // still gives out what waits; a TCP socket would reset it, so there the order is the other way.
  if (is_unix()) ::shutdown(fd_, SHUT_RD);
  Accepted last = Accepted::one;
  while (!stopped_ && last == Accepted::one) last = accept_one();
  if (last == Accepted::hindered) return false;
  stop();
  ::shutdown(fd_, SHUT_RD);
  return true;
}

}  // namespace switchback::net
