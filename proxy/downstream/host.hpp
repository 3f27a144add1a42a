// What all client connections of a worker share: the loop, limits, scratch memory, recycling.
//
// Threads: one worker. Bounded: sessions by the process's descriptors, requests by sessions.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <vector>

#include "proxy/downstream/handshake_queue.hpp"
#include "proxy/downstream/listener_runtime.hpp"
#include "proxy/exchange/exchange.hpp"
#include "proxy/guard/client_guard.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/tls/layer.hpp"

namespace switchback::downstream {

class Session;

// Everything that lives only while a request is under way, so that idle connections stay small.
struct ActiveRequest {
  explicit ActiveRequest(exchange::WorkerContext& context) : exchange(context) {}
  http::FieldTable fields;
  http::RequestHead head;
  http1::BodyDecoder body;
  exchange::Exchange exchange;
};

struct HostLimits {  // the widest of all services: before routing nothing narrower is known
  http1::HeadLimits head;
  Nanos request_head_ns = 10'000'000'000;  // 0: none
  Nanos idle_ns = 60'000'000'000;          // 0: none
};

class Host final : public net::Deferred {
 public:
  static constexpr std::size_t scratch_bytes = 160 * 1024;
  explicit Host(exchange::WorkerContext& context);
  ~Host();

  // Takes fd over.
  void accepted(int fd, const sockaddr_storage& peer, const ListenerRuntime& listener);
  void configure(const HostLimits& limits) { limits_ = limits; }
  // Limits of clients; connections that are open already are counted from now on, none is closed.
  void configure(const config::Clients& limits, guard::ClientShares& shares);
  // For want of descriptors: closes the connections that have waited longest for a request, and
  // where there are none those whose head has been coming for a second. How many.
  std::size_t evict();
  // Every answer from now on says Connection: close; connections without a request end when none
  // comes for a second, since one may be on its way (session_ending.cpp). Tunnels are closed one
  // after the other, at most a tenth of a second apart, within `tunnels_within_ns`.
  void begin_shutdown(Nanos tunnels_within_ns);
  // The limit is over: 503 for requests without an answer's first byte, the end for all others.
  void end_requests();
  void close_all();
  std::size_t open_sessions() const { return open_; }

  exchange::WorkerContext& context() { return context_; }
  net::Reactor& reactor() { return context_.reactor; }
  const HostLimits& limits() const { return limits_; }
  guard::ClientGuard& guard() { return guard_; }
  // False: one connection too many of that address (counted and logged); the caller closes it.
  bool admit(const net::IpBytes& ip, std::string_view text, guard::Visit& visit);
  // A request of a client that a trusted peer has named. False: one too many.
  bool admit_request_of(const net::IpBytes& ip);
  HandshakeQueue& handshakes() { return handshakes_; }
  tls::Workspace& tls_workspace() { return tls_workspace_; }
  char* scratch() { return scratch_.get(); }
  iovec* slices() { return slices_; }  // valid until the next decode of any session
  ActiveRequest& take_request();
  void give_back(ActiveRequest& request);
  void recycle(Session& session);  // memory is used again after the running batch

 private:
  void on_deferred() override;
  std::size_t evict_longest(bool heads, Nanos at_least_ns);
  void record_refused(std::string_view client);
  exchange::WorkerContext& context_;
  HostLimits limits_;
  guard::ClientGuard guard_;
  std::vector<Session*> waiting_;  // scratch of evict
  Nanos refusals_since_ns_ = 0;    // a second in which refusals are logged
  unsigned refusals_ = 0;          // and how many were
  std::unique_ptr<char[]> scratch_;
  iovec slices_[http1::BodyDecoder::max_slices];
  tls::Workspace tls_workspace_;  // before the sessions whose layers lean on it
  HandshakeQueue handshakes_;
  std::vector<std::unique_ptr<Session>> all_;
  std::vector<Session*> free_;
  std::vector<Session*> dead_;
  std::vector<std::unique_ptr<ActiveRequest>> requests_;
  std::vector<ActiveRequest*> free_requests_;
  std::size_t open_ = 0;
};

}  // namespace switchback::downstream
