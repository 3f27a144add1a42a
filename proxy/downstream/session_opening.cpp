// What comes before a connection's first head: the PROXY header of the balancer in front.
#include <cerrno>

#include "proxy/downstream/session.hpp"
#include "proxy/proxy_protocol/decode.hpp"

namespace switchback::downstream {

using http::Reason;

// The header is looked at where it lies, in the socket, and only its own bytes are taken: what is
// behind it, a TLS handshake or a head, is read by whoever it is for.
void Session::read_proxy_header() {
  char* const bytes = host_.scratch();
  ssize_t there;
  do {
    there = ::recv(stream_.fd(), bytes, proxy_protocol::max_header_bytes, MSG_PEEK | MSG_DONTWAIT);
  } while (there < 0 && errno == EINTR);
  if (there < 0 && errno == EAGAIN) return;
  if (there <= 0 && !any_byte_) {  // a balancer's check that only connects is no one's fault
    close();
    return;
  }
  if (there <= 0) {
    refuse_proxy_header("ended within the PROXY header");
    return;
  }
  any_byte_ = true;
  proxy_protocol::Header header;
  const auto got = proxy_protocol::decode(bytes, static_cast<std::size_t>(there), header);
  if (got.status == proxy_protocol::Status::rejected) {
    refuse_proxy_header(proxy_protocol::text_of(got.fault));
    return;
  }
  if (got.status == proxy_protocol::Status::need_more) {
    // The end stands behind what there is: no further byte will come.
    if (stream_.peer_closed()) refuse_proxy_header("ended within the PROXY header");
    return;
  }
  const ssize_t taken = ::recv(stream_.fd(), bytes, got.consumed, MSG_DONTWAIT);
  if (taken != static_cast<ssize_t>(got.consumed)) {  // urgent data, which has no place here
    refuse_proxy_header("PROXY header broken up");
    return;
  }
  if (!header.local) {
    ip_ = net::IpText(header.source);
    ip16_ = net::ip_bytes(reinterpret_cast<const sockaddr*>(&header.source));
    told_ends_ = std::make_unique<const net::Endpoints>(
        net::endpoints_of(header.source, header.destination));
  }
  https_ = header.tls;
  any_byte_ = false;
  state_ = State::idle;
  since_ns_ = host_.reactor().now_ns();
  // Checks of the balancer's own (LOCAL) are nobody's connections.
  if (!header.local && !admit()) return;
  client_known();
  if (state_ == State::idle && stream_.readable()) read_head();
  if (state_ == State::handshaking) handshaking_event(EPOLLIN);  // it may have come with the header
}

void Session::refuse_proxy_header(std::string_view why) {
  host_.context().count(Reason::bad_proxy_header);
  record_reject(Reason::bad_proxy_header, 0, why);
  close();
}

// The client's address is known, and nothing of what it sent has been read: the place to judge it
// by its address, and to begin a handshake.
void Session::client_known() {
  if (listener_->tls) begin_tls();
}

}  // namespace switchback::downstream
