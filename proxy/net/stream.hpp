// A non-blocking byte stream on a socket with remembered readiness: the one place where bytes
// enter and leave the data plane (TLS comes in here).
//
// Threads: its worker. Errors are values: every call returns a Transfer.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/net/reactor.hpp"

namespace switchback::net {

enum class IoStatus : std::uint8_t {
  ok,            // bytes > 0 moved
  would_block,   // nothing moved; an event will say when to try again
  end,           // read: orderly end of the peer's stream
  error,         // error_number says what
};

struct Transfer {
  IoStatus status;
  std::size_t bytes = 0;
  int error_number = 0;
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  ~Stream() { close(); }

  // Takes over fd and registers it; readiness starts as "unknown, try" (both flags set).
  bool open(Reactor& reactor, int fd, EventHandler& handler);
  void close();                     // remove, close; no-op when not open
  void reset();                     // close with RST (SO_LINGER 0), for answers that must not look complete
  void shutdown_write();            // FIN
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // Notes an event's flags. Call first in on_event.
  void note(std::uint32_t epoll_events);
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  bool peer_closed() const { return peer_closed_; }   // FIN or reset seen by epoll, maybe unread data before it

  Transfer read(char* into, std::size_t room);
  Transfer write(std::span<const iovec> pieces);      // one sendmsg; short when bytes < sum

 private:
  Reactor* reactor_ = nullptr;
  EventHandler* handler_ = nullptr;
  int fd_ = -1;
  bool readable_ = false;
  bool writable_ = false;
  bool peer_closed_ = false;
};

}  // namespace switchback::net
