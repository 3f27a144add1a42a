// What comes in: the socket's side as OpenSSL sees it, the handshake, decryption.
#include "proxy/tls/layer.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>

#include "proxy/base/assert.hpp"
#include "proxy/tls/layer_call.hpp"

namespace switchback::tls {

using net::IoStatus;
using net::Transfer;

namespace {

constexpr unsigned char handshake_record = 22;  // RFC 8446 §5.1

struct Classified {
  int reason;
  Failure failure;
};
constexpr Classified classified[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, Failure::version},
    {SSL_R_VERSION_TOO_LOW, Failure::version},
    {SSL_R_VERSION_TOO_HIGH, Failure::version},
    {SSL_R_WRONG_SSL_VERSION, Failure::version},
    {SSL_R_WRONG_VERSION_NUMBER, Failure::version},
    {SSL_R_UNKNOWN_PROTOCOL, Failure::version},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, Failure::version},
    {SSL_R_INAPPROPRIATE_FALLBACK, Failure::version},
    {SSL_R_NO_SHARED_CIPHER, Failure::cipher},
    {SSL_R_NO_CIPHERS_AVAILABLE, Failure::cipher},
    {SSL_R_NO_SUITABLE_KEY_SHARE, Failure::cipher},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, Failure::cipher},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, Failure::cipher},
    {SSL_R_NO_APPLICATION_PROTOCOL, Failure::alpn},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, Failure::alpn},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, Failure::certificate_missing},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, Failure::certificate_refused},
};

Failure classify(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return Failure::protocol;
  const int reason = ERR_GET_REASON(error);
  for (const Classified& known : classified) {
    if (known.reason == reason) return known.failure;
  }
  if (reason == ERR_R_MALLOC_FAILURE || reason == ERR_R_INTERNAL_ERROR) return Failure::internal;
  return reason >= SSL_AD_REASON_OFFSET ? Failure::peer_alert : Failure::protocol;
}

}  // namespace

// The socket as OpenSSL sees it. One BIO serves all connections of a worker: `layer_` and `stream_`
// say whose turn it is. Writing never blocks; it fills the staging area.
struct Workspace::Bio {
  static int read(BIO* bio, char* into, std::size_t room, std::size_t* got) {
    auto& workspace = *static_cast<Workspace*>(BIO_get_data(bio));
    Layer& layer = *workspace.layer_;
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (layer.in_begin_ == layer.in_end_ && !layer.fill(*workspace.stream_)) {
      if (layer.blocked_) BIO_set_retry_read(bio);
      return 0;
    }
    *got = std::min<std::size_t>(room, layer.in_end_ - layer.in_begin_);
    std::memcpy(into, layer.in_.data() + layer.in_begin_, *got);
    layer.in_begin_ += static_cast<std::uint32_t>(*got);
    return 1;
  }
  static int write(BIO* bio, const char* from, std::size_t bytes, std::size_t* written) {
    auto& workspace = *static_cast<Workspace*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *written = 0;
    if (bytes > staging_bytes - workspace.staged_) return 0;  // a flight of more than 128 KiB
    std::memcpy(workspace.staging_.get() + workspace.staged_, from, bytes);
    workspace.staged_ += bytes;
    *written = bytes;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      SB_ASSERT(fresh != nullptr);
      BIO_meth_set_read_ex(fresh, read);
      BIO_meth_set_write_ex(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      return fresh;
    }();
    return made;
  }
};

Workspace::Workspace(net::BufferPool& pool)
    : pool_(pool),
      staging_(std::make_unique_for_overwrite<char[]>(staging_bytes)),
      joined_(std::make_unique_for_overwrite<char[]>(SSL3_RT_MAX_PLAIN_LENGTH)),
      bio_(BIO_new(Bio::method())) {
  SB_ASSERT(bio_ != nullptr);
  BIO_set_data(bio_, this);
  BIO_set_init(bio_, 1);
}

Workspace::~Workspace() {
  BIO_free(bio_);
}

Layer::Layer(Workspace& workspace, SSL* ssl, std::shared_ptr<const void> context)
    : workspace_(workspace),
      ssl_(ssl),
      context_(std::move(context)),
      batch_(Workspace::staging_bytes),
      server_(SSL_is_server(ssl) == 1) {
  SSL_set_mode(ssl_, SSL_MODE_RELEASE_BUFFERS);
  BIO_up_ref(workspace_.bio_);  // one reference, since both directions are the same BIO
  SSL_set_bio(ssl_, workspace_.bio_, workspace_.bio_);
}

Layer::~Layer() {
  // Otherwise a connection that was just dropped would make its session unfit for resumption.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

bool Layer::fill(net::Stream& stream) {
  blocked_ = false;
  if (!stream.raw_readable()) {
    blocked_ = !socket_ended_ && error_number_ == 0;
    return false;
  }
  // Large while handshakes are over: a batch of records is opened into the reader's room.
  if (!in_) {
    in_ = workspace_.pool_.take(established_ ? net::BufferSize::large : net::BufferSize::small);
  }
  in_begin_ = in_end_ = 0;
  const Transfer got = stream.raw_read(in_.data(), in_.capacity());
  switch (got.status) {
    case IoStatus::ok:
      in_end_ = static_cast<std::uint32_t>(got.bytes);
      if (begun_) return true;
      begun_ = true;
      refuse_first_bytes(static_cast<unsigned char>(*in_.data()));
      return failure_ == Failure::none;
    case IoStatus::would_block:
      blocked_ = true;
      return false;
    case IoStatus::end:
      socket_ended_ = true;
      return false;
    case IoStatus::error:
      error_number_ = got.error_number;
      return false;
  }
  return false;
}

// Before OpenSSL sees them, so that a browser that forgot the "s" can be told so.
void Layer::refuse_first_bytes(unsigned char first) {
  if (!server_ || first == handshake_record) return;
  const bool letter = first >= 'A' && first <= 'Z';
  failure_ = letter ? Failure::plain_http : Failure::not_tls;
  failure_text_ = letter ? "HTTP without TLS" : "bytes that begin no TLS handshake";
}

HandshakeStatus Layer::handshake(net::Stream& stream) {
  if (failure_ != Failure::none) return HandshakeStatus::failed;
  std::size_t none = 0;
  if (!flush_held(stream, none)) {
    failure_ = Failure::peer_closed;
    return HandshakeStatus::failed;
  }
  if (held_bytes() > 0) return HandshakeStatus::blocked;
  if (established_) return HandshakeStatus::done;
  Call call(workspace_, *this, stream);
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    established_ = true;
    context_.reset();
  } else if (!blocked_ || SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) {
    fail_handshake();
  }
  const bool sent = send_staged(stream, 0, none);
  if (in_begin_ == in_end_ || failure_ != Failure::none) in_.reset();
  more_ = static_cast<bool>(in_);
  if (failure_ != Failure::none) return HandshakeStatus::failed;
  if (!sent) {
    failure_ = Failure::peer_closed;
    return HandshakeStatus::failed;
  }
  return established_ && held_bytes() == 0 ? HandshakeStatus::done : HandshakeStatus::blocked;
}

void Layer::fail_handshake() {
  broken_ = true;
  if (failure_ != Failure::none) return;  // the first bytes said it
  const unsigned long error = ERR_peek_error();
  if (error == 0) {
    failure_ = socket_ended_ || error_number_ != 0 ? Failure::peer_closed : Failure::internal;
    if (failure_ == Failure::peer_closed) failure_text_ = "closed during the handshake";
    return;
  }
  failure_ = classify(error);
  const char* reason = ERR_reason_error_string(error);
  failure_text_ = reason ? reason : "";
  const long verified = SSL_get_verify_result(ssl_);
  if (failure_ == Failure::certificate_refused && verified != X509_V_OK) {
    failure_text_ = X509_verify_cert_error_string(verified);
  }
}

Transfer Layer::read(net::Stream& stream, char* into, std::size_t room) {
  if (!more_ && !stream.raw_readable()) return {IoStatus::would_block};
  if (ended_ || broken_) {
    more_ = false;
    if (ended_) return {IoStatus::end};
    return {IoStatus::error, 0, error_number_};
  }
  Call call(workspace_, *this, stream);
  std::size_t got = 0;
  bool open = true;
  while (open && got < room) {
    std::size_t bytes = 0;
    if (SSL_read_ex(ssl_, into + got, room - got, &bytes) == 1) {
      got += bytes;
      // Asking once more would only make OpenSSL take a buffer and give it back.
      open = in_begin_ != in_end_ || stream.raw_readable() || SSL_pending(ssl_) > 0;
      continue;
    }
    const Transfer stopped = stop_reading(0);
    std::size_t none = 0;
    send_staged(stream, 0, none);  // the alert that says why
    if (in_begin_ == in_end_) in_.reset();
    more_ = got > 0 && stopped.status != IoStatus::would_block;  // the end waits behind the bytes
    return got > 0 ? Transfer{IoStatus::ok, got} : stopped;
  }
  if (in_begin_ == in_end_) in_.reset();
  more_ = in_ || SSL_pending(ssl_) > 0;
  return {IoStatus::ok, got};
}

Transfer Layer::stop_reading(int result) {
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ && blocked_) return {IoStatus::would_block};
  if (error == SSL_ERROR_ZERO_RETURN) {
    ended_ = true;
    return {IoStatus::end};
  }
  broken_ = true;
  if (error_number_ == 0) error_number_ = socket_ended_ ? ECONNRESET : EPROTO;
  return {IoStatus::error, 0, error_number_};
}

}  // namespace switchback::tls
