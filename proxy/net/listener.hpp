// Listening sockets: opened before any worker starts (so that a taken port is a clear start-up
// error), then accepted from by workers.
//
// TCP: one SO_REUSEPORT socket per worker and listener. Unix paths and inherited descriptors: one
// socket shared by all workers with EPOLLEXCLUSIVE. Flips and reloads never close a listener that
// stays configured.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/net/reactor.hpp"

namespace switchback::net {

struct OpenedListener {
  config::Address address;
  std::string local_text;      // "127.0.0.1:41873": the port filled in when 0 was asked for
  std::vector<int> fds;        // one per worker (tcp), or one shared (unix)
};

// One line that names the address, the cause and the mend; empty on success.
std::string open_listener(const config::Address& address, unsigned workers, OpenedListener& out);
void close_listener(OpenedListener& listener);   // removes a unix path too

// Accepts on one fd for one worker. EMFILE/ENFILE/ENOBUFS pause accepting for 100 ms (counted)
// instead of spinning; other clients are not told anything: they wait in the backlog.
class Acceptor final : public EventHandler, public Timer {
 public:
  using OnAccept = std::function<void(int fd, const sockaddr_storage& peer)>;
  Acceptor(Reactor& reactor, int fd, bool shared, OnAccept on_accept);
  ~Acceptor();
  void stop();   // stops accepting for good; does not close fd
  std::uint64_t pauses() const { return pauses_; }   // out-of-descriptor pauses so far

 private:
  void on_event(std::uint32_t events) override;
  void on_timer() override;
  void accept_some();   // at most 64 a turn, so that a connection flood cannot starve requests
  Reactor& reactor_;
  int fd_;
  bool shared_;
  bool stopped_ = false;
  std::uint64_t pauses_ = 0;
  OnAccept on_accept_;
};

}  // namespace switchback::net
