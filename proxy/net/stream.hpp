// A non-blocking byte stream on a socket with remembered readiness: the one place where bytes
// enter and leave the data plane (TLS comes in here).
//
// Threads: its worker. Errors are values: every call returns a Transfer.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "proxy/net/reactor.hpp"

namespace switchback::net {

enum class IoStatus : std::uint8_t {
  ok,           // bytes > 0 moved
  would_block,  // nothing moved; an event will say when to try again
  end,          // read: orderly end of the peer's stream
  error,        // error_number says what
};

struct Transfer {
  IoStatus status;
  std::size_t bytes = 0;
  int error_number = 0;
};

class Stream;

// What stands between a Stream and its socket when a connection is encrypted (proxy/tls). It moves
// plain bytes for the Stream's users and encrypted ones by raw_read and raw_write.
class SecureLayer {
 public:
  virtual ~SecureLayer() = default;
  // As Stream::read. `end` only after the peer said that it ended (close_notify); a socket that
  // ends without it is an `error`, since an attacker could have cut the rest off.
  virtual Transfer read(Stream& stream, char* into, std::size_t room) = 0;
  // As Stream::write. What is encrypted but not with the kernel yet counts as not moved: the
  // caller offers the same bytes again, as Output does, and close() before that loses them.
  virtual Transfer write(Stream& stream, std::span<const iovec> pieces) = 0;
  virtual void end_write(Stream& stream) = 0;  // close_notify, as far as the socket takes it
  virtual bool has_plain() const = 0;          // a read would give bytes without the socket
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { close(); }

  // Takes over fd (closed on failure too) and registers it; readiness starts as "unknown, try"
  // (both flags set). False (errno kept) when the kernel refuses.
  bool open(Reactor& reactor, int fd, EventHandler& handler);
  void close();  // remove, close; no-op when not open
  void reset();  // close with RST, so that a cut answer does not look complete
  // Gives the socket away, open and not registered any more. -1, and nothing done, when it is
  // encrypted: the layer's state cannot go along.
  int detach();
  void shutdown_write();  // close_notify when encrypted, then FIN
  // From now on everything is encrypted; nothing may be under way. The layer dies with close().
  void secure(std::unique_ptr<SecureLayer> layer) { layer_ = std::move(layer); }
  SecureLayer* layer() const { return layer_.get(); }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Nanos now_ns() const { return reactor_->now_ns(); }  // of the loop's turn; while open

  // Notes an event's flags. Call first in on_event.
  void note(std::uint32_t epoll_events) {
    if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
    if (epoll_events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) writable_ = true;
    if (epoll_events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) peer_closed_ = true;
  }
  bool readable() const { return readable_ || (layer_ && layer_->has_plain()); }
  bool writable() const { return writable_; }
  // FIN or reset seen by epoll; there may be unread data before it.
  bool peer_closed() const { return peer_closed_; }

  // room > 0. While readable() is false: would_block without a system call. A short read empties
  // the socket, so it clears readable(); once peer_closed(), no further event would come for the
  // end behind the data, so readable() stays until `end` or an error has been read.
  Transfer read(char* into, std::size_t room);

  // One system call; short when bytes < sum. A short write clears writable(). At most IOV_MAX
  // pieces go at once: with more, a write can be short while writable() stays set.
  Transfer write(std::span<const iovec> pieces);

  // The same by way of a pipe, not when encrypted. Into an empty one: readable() stays until a
  // read says would_block, since a pipe can be full of few bytes. Out of it: all it holds, or
  // less and writable() is cleared.
  Transfer read_into(Pipe& pipe, std::size_t most);
  Transfer write_from(Pipe& pipe);

  // The socket itself, for the layer.
  Transfer raw_read(char* into, std::size_t room);
  Transfer raw_write(std::span<const iovec> pieces);
  bool raw_readable() const { return readable_; }

  // Bytes that the peer's machine has acknowledged: what was written less what the kernel holds.
  std::uint64_t taken() const;

 private:
  Transfer nothing_read(ssize_t n);  // 0, or less: errno
  Transfer nothing_written(int error);
  static constexpr std::size_t max_pieces = 1024;  // IOV_MAX of Linux

  Reactor* reactor_ = nullptr;
  EventHandler* handler_ = nullptr;
  std::unique_ptr<SecureLayer> layer_;
  int fd_ = -1;
  std::uint64_t written_ = 0;  // with the kernel
  bool readable_ = false;
  bool writable_ = false;
  bool peer_closed_ = false;
  // The kernel tells a connection's error once, to a write if that comes first; a read behind it
  // would see an orderly end, and an answer that was cut off would look whole.
  bool reset_told_ = false;
};

inline Transfer Stream::read(char* into, std::size_t room) {
  if (layer_) return layer_->read(*this, into, room);
  return raw_read(into, room);
}

inline Transfer Stream::write(std::span<const iovec> pieces) {
  if (layer_) return layer_->write(*this, pieces);
  return raw_write(pieces);
}

inline Transfer Stream::raw_read(char* into, std::size_t room) {
  if (!readable_) return {IoStatus::would_block};
  ssize_t n;
  do {
    n = ::recv(fd_, into, room, MSG_DONTWAIT);
  } while (__builtin_expect(n < 0 && errno == EINTR, 0));
  if (__builtin_expect(n > 0, 1)) {
    if (static_cast<std::size_t>(n) < room && !peer_closed_) readable_ = false;
    return {IoStatus::ok, static_cast<std::size_t>(n)};
  }
  return nothing_read(n);
}

inline Transfer Stream::raw_write(std::span<const iovec> pieces) {
  if (pieces.size() > max_pieces) pieces = pieces.first(max_pieces);
  std::size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  if (wanted == 0) return {IoStatus::ok};
  if (!writable_) return {IoStatus::would_block};
  ssize_t n;
  do {
    if (pieces.size() == 1) {
      n = ::send(fd_, pieces[0].iov_base, wanted, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces.data());
      message.msg_iovlen = pieces.size();
      n = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  } while (__builtin_expect(n < 0 && errno == EINTR, 0));
  if (__builtin_expect(n >= 0, 1)) {
    written_ += static_cast<std::uint64_t>(n);
    if (static_cast<std::size_t>(n) < wanted) writable_ = false;
    return {n > 0 ? IoStatus::ok : IoStatus::would_block, static_cast<std::size_t>(n)};
  }
  return nothing_written(errno);
}

}  // namespace switchback::net
