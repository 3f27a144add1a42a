// TLS between a net::Stream and its socket, by OpenSSL, for either role.
//
// Reading: one recv takes as many records as are there into a lent buffer, which is held only while
// it has ciphertext left over. Writing: a whole gather of pieces is encrypted into the workspace
// and sent with one call; ciphertext that the kernel did not take is kept in a lent buffer, and the
// plain bytes behind it count as not moved until it is gone (net::SecureLayer::write). No call is
// made that would end with EAGAIN. An idle connection holds no buffer at all.
//
// Threads: a layer, its workspace and its stream belong to one worker.
// Errors: values. A connection that ends without close_notify is an `error` (RFC 8446 §6.1,
// RFC 5246 §7.2.1), since an attacker could have cut the rest off.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string_view>

#include "proxy/net/stream.hpp"
#include "proxy/tls/failure.hpp"

namespace switchback::tls {

class Layer;

// What all layers of a worker share: the staging area that ciphertext is sent from, the place where
// small pieces are joined into one record, and the BIO that stands for whichever stream is in use.
class Workspace {
 public:
  // Seven full records and their heads: what is left of it always fits in one large buffer.
  static constexpr std::size_t staging_bytes = net::large_buffer_bytes;

  explicit Workspace(net::BufferPool& pool);  // aborts when out of memory
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

 private:
  friend class Layer;
  struct Bio;
  net::BufferPool& pool_;
  std::unique_ptr<char[]> staging_;
  std::unique_ptr<char[]> joined_;  // one record's plain bytes
  std::size_t staged_ = 0;
  BIO* bio_ = nullptr;
  Layer* layer_ = nullptr;  // whose call is under way
  net::Stream* stream_ = nullptr;
};

enum class HandshakeStatus : std::uint8_t { done, blocked, failed };

class Layer final : public net::SecureLayer {
 public:
  // Takes `ssl` over. Its role, name and callbacks are set already (SSL_set_accept_state or
  // SSL_set_connect_state); modes and the socket side are set here. `context` is kept alive until
  // the handshake is over, for the callbacks of its SSL_CTX.
  Layer(Workspace& workspace, SSL* ssl, std::shared_ptr<const void> context = nullptr);
  ~Layer() override;

  // One step, after the stream became readable or writable, until `done` or `failed`. `blocked`: an
  // event will say when to go on. The alert that tells the peer of a failure has been sent. Plain
  // bytes may be there at once after `done` (Stream::readable() says so).
  HandshakeStatus handshake(net::Stream& stream);
  bool established() const { return established_; }
  Failure failure() const { return failure_; }
  const char* failure_text() const { return failure_text_; }  // static; "" when there is none
  bool begun() const { return begun_; }  // the peer's first bytes have been taken

  net::Transfer read(net::Stream& stream, char* into, std::size_t room) override;
  net::Transfer write(net::Stream& stream, std::span<const iovec> pieces) override;
  void end_write(net::Stream& stream) override;
  bool has_plain() const override { return more_; }

  SSL* ssl() const { return ssl_; }
  bool resumed() const { return SSL_session_reused(ssl_) == 1; }

 private:
  friend struct Workspace::Bio;
  class Call;
  class Pieces;

  bool fill(net::Stream& stream);
  void refuse_first_bytes(unsigned char first);
  bool flush_held(net::Stream& stream, std::size_t& moved);
  bool send_staged(net::Stream& stream, std::size_t plain, std::size_t& moved);
  bool hold(const char* from, std::size_t bytes);
  std::size_t encrypt(Pieces& pieces, std::size_t limit);
  std::size_t record_bytes() const;
  net::Transfer stop_reading(int result);
  void fail_handshake();
  std::size_t held_bytes() const { return held_end_ - held_begin_; }

  Workspace& workspace_;
  SSL* ssl_;
  std::shared_ptr<const void> context_;
  net::BufferRef in_;    // ciphertext not looked at yet: [in_begin_, in_end_)
  net::BufferRef held_;  // ciphertext not taken yet: [held_begin_, held_end_)
  std::uint32_t in_begin_ = 0;
  std::uint32_t in_end_ = 0;
  std::uint32_t held_begin_ = 0;
  std::uint32_t held_end_ = 0;
  std::uint32_t owed_ = 0;  // plain bytes behind held_ that were not reported as moved
  std::uint32_t batch_;     // ciphertext made at most at once
  std::uint32_t sent_ = 0;  // plain bytes of this burst, up to where records are full size
  std::int64_t sent_at_ns_ = 0;
  int error_number_ = 0;  // why reading is over, and writing with it
  int write_error_ = 0;   // why writing is; what the peer said before may still be read
  const char* failure_text_ = "";
  Failure failure_ = Failure::none;
  bool server_ = false;
  bool begun_ = false;
  bool established_ = false;
  bool blocked_ = false;       // the last call found the socket empty
  bool socket_ended_ = false;  // FIN read
  bool more_ = false;          // a read would give bytes, an end or an error without the socket
  bool ended_ = false;         // close_notify read
  bool broken_ = false;        // nothing more can be read or written
  bool closed_ = false;        // close_notify sent
};

}  // namespace switchback::tls
