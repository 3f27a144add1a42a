// A client's TLS handshake, between accept (or the PROXY header) and the first head.
#include "proxy/downstream/session.hpp"
#include "proxy/tls/server_context.hpp"

namespace switchback::downstream {

using http::Reason;
using tls::Failure;
using tls::HandshakeStatus;

namespace {
constexpr Nanos plain_answer_ns = 2'000'000'000;
}

void Session::begin_tls() {
  state_ = State::handshaking;
  https_ = true;
  host_.context().stats->tls.handshaking.add(1);
}

// `layer()` of a client's stream is always a tls::Layer.
tls::Layer* Session::tls_layer() const {
  return static_cast<tls::Layer*>(stream_.layer());
}

void Session::handshaking_event(std::uint32_t events) {
  const tls::Layer* layer = tls_layer();
  // Who hung up may have said why before: an alert stands in the socket, ahead of the reset.
  if (hung_up_ && !layer) {
    handshake_failed(Failure::peer_closed);
    return;
  }
  // A client that has said nothing yet costs nothing yet.
  if (!layer && !(events & (EPOLLIN | EPOLLRDHUP))) return;
  host_.handshakes().add(*this, layer != nullptr);
}

void Session::handshake_step() {
  tls::Layer* layer = tls_layer();
  if (!layer) {
    // A reload may have made this a listener without TLS meanwhile.
    auto fresh = listener_->tls ? listener_->tls->accept(host_.tls_workspace()) : nullptr;
    if (!fresh) {
      handshake_failed(Failure::internal);
      return;
    }
    layer = fresh.get();
    stream_.secure(std::move(fresh));
  }
  switch (layer->handshake(stream_)) {
    case HandshakeStatus::blocked:
      return;
    case HandshakeStatus::failed:
      handshake_failed(layer->failure());
      return;
    case HandshakeStatus::done:
      handshake_done();
      return;
  }
}

void Session::handshake_done() {
  stats::TlsStats& stats = host_.context().stats->tls;
  const tls::Layer& layer = *tls_layer();
  stats.handshaking.add(-1);
  (SSL_version(layer.ssl()) == TLS1_3_VERSION ? stats.handshakes_1_3 : stats.handshakes_1_2).add();
  if (layer.resumed()) stats.resumed.add();
  state_ = State::idle;
  since_ns_ = host_.reactor().now_ns();  // until then it waited for the handshake, not for a head
  arm(host_.limits().request_head_ns);
  if (stream_.readable()) read_head();
}

void Session::handshake_failed(Failure failure) {
  exchange::WorkerContext& context = host_.context();
  tls::Layer* layer = tls_layer();
  const bool begun = layer && layer->begun();
  const char* text = layer ? layer->failure_text() : "";
  context.stats->tls.handshaking.add(-1);
  // Who only connects (a balancer's check, a browser ahead of its time) has not failed.
  const bool counted = begun || failure == Failure::internal;
  const bool plain = failure == Failure::plain_http;
  if (counted) {
    context.stats->tls.failures[static_cast<std::size_t>(failure)].add();
    context.count(Reason::tls_handshake_failed);
    const std::string_view name = tls::name_of(failure);
    char detail[160];
    const int bytes = *text ? std::snprintf(detail, sizeof detail, "%.*s: %s",
                                            static_cast<int>(name.size()), name.data(), text)
                            : 0;
    const bool whole = bytes > 0 && static_cast<std::size_t>(bytes) < sizeof detail;
    record_reject(Reason::tls_handshake_failed, plain ? 400 : 0,
                  whole ? std::string_view(detail, static_cast<std::size_t>(bytes)) : name);
  }
  unlink();
  stream_.secure(nullptr);
  state_ = State::idle;  // what follows is no handshake's business
  https_ = false;
  close_ = true;
  if (plain) {
    answer_plain();
  } else if (begun && !hung_up_ && failure != Failure::peer_closed) {
    linger();  // unread bytes would turn the alert into a reset
  } else {
    close();
  }
}

// A browser sent to http:// by a link that forgot the "s" gets a page that says so.
void Session::answer_plain() {
  char id[32];
  exchange::OwnAnswer own;
  own.status = 400;
  own.sentence = "This port speaks HTTPS: use https:// in front of the address.";
  own.request_id = host_.context().request_ids.next(id, host_.context().wall_us());
  own.close = true;
  head_only_ = false;
  const exchange::SendResult result = send_own_answer(own);
  if (result == exchange::SendResult::failed) {
    close();
  } else if (result == exchange::SendResult::blocked) {
    state_ = State::flushing;
    arm(plain_answer_ns);
  } else {
    close_after_answer(true);
  }
}

exchange::TlsFacts Session::tls() const {
  const tls::Layer* layer = tls_layer();
  if (!layer) return {};
  exchange::TlsFacts facts;
  facts.version = SSL_get_version(layer->ssl());
  if (const char* cipher = SSL_get_cipher_name(layer->ssl())) facts.cipher = cipher;
  if (const char* name = SSL_get_servername(layer->ssl(), TLSEXT_NAMETYPE_host_name)) {
    facts.name = name;
  }
  return facts;
}

}  // namespace switchback::downstream
