#include "proxy/downstream/host.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "proxy/downstream/session.hpp"

namespace switchback::downstream {

namespace {
constexpr Nanos tunnel_gap_ns = 100'000'000;  // a few tunnels need not hold up the process's end
}

Host::Host(exchange::WorkerContext& context)
    : context_(context),
      scratch_(std::make_unique<char[]>(scratch_bytes)),
      tls_workspace_(context.reactor.buffers()),
      handshakes_(context.reactor) {}

Host::~Host() {
  close_all();
}

void Host::accepted(int fd, const sockaddr_storage& peer, const ListenerRuntime& listener) {
  guard::Visit visit{nullptr, guard_.has_ceiling()};
  if (guard_.guards() && !listener.proxy_protocol &&
      !admit(net::ip_bytes(reinterpret_cast<const sockaddr*>(&peer)), net::IpText(peer).view(),
             visit)) {
    guard_.release(visit);
    // A reset leaves nothing behind here, where a flood would leave a TIME_WAIT for each.
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd);
    return;
  }
  if (free_.empty()) {
    all_.push_back(std::make_unique<Session>(*this));
    free_.push_back(all_.back().get());
  }
  Session* session = free_.back();
  free_.pop_back();
  ++open_;
  context_.stats->connections.add();
  context_.stats->open_connections.add(1);
  session->visit() = visit;
  session->open(fd, peer, listener);
  if (context_.shutting_down && session->is_open()) session->begin_shutdown();
}

void Host::recycle(Session& session) {
  --open_;
  context_.stats->open_connections.add(-1);
  dead_.push_back(&session);
  reactor().defer(*this);
}

void Host::on_deferred() {
  free_.insert(free_.end(), dead_.begin(), dead_.end());
  dead_.clear();
}

ActiveRequest& Host::take_request() {
  if (free_requests_.empty()) {
    requests_.push_back(std::make_unique<ActiveRequest>(context_));
    free_requests_.push_back(requests_.back().get());
  }
  ActiveRequest* request = free_requests_.back();
  free_requests_.pop_back();
  return *request;
}

void Host::give_back(ActiveRequest& request) {
  free_requests_.push_back(&request);
}

void Host::begin_shutdown(Nanos tunnels_within_ns) {
  const auto tunnels = std::count_if(all_.begin(), all_.end(),
                                     [](const auto& session) { return session->in_tunnel(); });
  const Nanos gap_ns = std::min(tunnels_within_ns / std::max<Nanos>(tunnels, 1), tunnel_gap_ns);
  Nanos place = 0;
  for (const auto& session : all_) {
    if (!session->is_open()) continue;
    if (session->in_tunnel()) session->end_tunnel_in(gap_ns * place++);
    session->begin_shutdown();
  }
}

void Host::end_requests() {
  for (const auto& session : all_) {
    if (session->is_open()) session->end_request();
  }
}

void Host::close_all() {
  for (const auto& session : all_) {
    if (session->is_open()) session->cut();
  }
}

}  // namespace switchback::downstream
