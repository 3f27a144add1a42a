// Listening sockets: opened before any worker starts (so that a taken port is a clear start-up
// error), then accepted from by workers.
//
// TCP: one SO_REUSEPORT socket per worker and listener. Unix paths: one socket shared by all
// workers with EPOLLEXCLUSIVE. Inherited descriptors (inherited.hpp): as many as were passed under
// the name. Flips and reloads never close a listener that stays configured.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/net/reactor.hpp"

namespace switchback::net {

struct OpenedListener {
  config::Address address;
  std::string local_text;  // "127.0.0.1:41873": the port filled in when 0 was asked for
  std::vector<int> fds;    // one per worker (tcp), one shared (unix), or what was inherited
  bool owned = true;       // false: inherited, not ours to shut down or to remove
  std::vector<std::string> inherited_texts;  // the address of each inherited one
  dev_t path_device = 0;  // a unix path as it was bound, so that only that one is removed
  ino_t path_inode = 0;
};

// One line that names the address, the cause and the mend; empty on success.
//
// A port that any other process listens on is an error, although SO_REUSEPORT would let a second
// process of the same user share it. The check is a bind without SO_REUSEPORT just before the real
// ones: two processes that start within the same few microseconds can both pass it.
// "[::]" also takes IPv4 clients; every other IPv6 address takes IPv6 only. A host name is looked
// up (this may block) and its first address taken.
// A Unix path left over by a process that is gone is replaced; a live one, or a path that is not a
// socket, is an error. `mode`: of the socket file; who may write it may connect.
std::string open_listener(const config::Address& address, unsigned workers, OpenedListener& out,
                          unsigned mode = 0666);
void give_up_path(OpenedListener& listener);    // removes a unix path, once: nobody new finds it
void close_listener(OpenedListener& listener);  // gives up a unix path too

struct ListenShare {
  int fd;
  bool shared;  // with other workers
};
// What worker number `worker` of `workers` accepts from. Inherited sockets of one address are
// dealt out when there is one for each worker at least; fewer are watched by all.
std::vector<ListenShare> shares_of(const OpenedListener& listener, unsigned worker,
                                   unsigned workers);

// Who has a say in accepting: the limit of all connections, and what to do without descriptors.
class AcceptGate {
 public:
  virtual bool enter() = 0;      // before each accept; false: none until resume()
  virtual void leave() = 0;      // nothing was accepted after all
  virtual bool make_room() = 0;  // descriptors are scarce: closes what is idle; false: nothing is

 protected:
  ~AcceptGate() = default;
};

// Accepts on one fd for one worker. EMFILE/ENFILE/ENOBUFS, and a gate that can make no room, pause
// accepting for 100 ms (counted) instead of spinning; other clients are not told anything: they
// wait in the backlog. The last 64 descriptors (an eighth of a small number) are not for clients:
// the admin plane, log files and connections to servers live on them. on_accept owns the descriptor
// it gets: non-blocking, close-on-exec, TCP_NODELAY set on TCP. It may call stop(); it may not
// destroy the acceptor.
class Acceptor final : public EventHandler, public Timer {
 public:
  using OnAccept = std::function<void(int fd, const sockaddr_storage& peer)>;
  Acceptor(Reactor& reactor, int fd, bool shared, OnAccept on_accept, AcceptGate* gate = nullptr);
  ~Acceptor();
  void stop();    // stops accepting for good; does not close fd
  void resume();  // after the gate said no

  // The gentle end of a socket that is ours, in two steps, so that nobody who was let in is
  // forgotten. First no new connection begins: TCP SYNs are dropped (to the client the network is
  // slow, and its next SYN finds a successor or a refusal), unix connects are refused; connections
  // on their way in still arrive. True: some may, so let a round trip pass before the second step.
  bool refuse_new();
  // Accepts all that wait, then the socket no longer listens. False: the gate, or a want of
  // descriptors, keeps some waiting: try again later.
  bool finish();

  std::uint64_t pauses() const { return pauses_; }  // out-of-descriptor pauses so far

 private:
  void on_event(std::uint32_t events) override;
  void on_timer() override;
  bool is_unix() const;
  enum class Accepted { one, none_waits, hindered };
  Accepted accept_one();
  void accept_some();  // at most 64 a turn, so that a connection flood cannot starve requests
  bool scarce();
  void watch();
  void unwatch();
  void pause();
  Reactor& reactor_;
  int fd_;
  bool shared_;
  bool stopped_ = false;
  bool watching_ = false;
  bool held_ = false;    // by the gate
  bool scarce_ = false;  // the descriptor accepted last was one of the last
  int first_scarce_fd_;
  unsigned budget_ = 1;          // accepts allowed at this event: 1, doubling under a flood
  std::uint64_t next_turn_ = 0;  // the turn in which an event means that a flood is on
  std::uint64_t pauses_ = 0;
  Nanos accepted_ns_ = 0;  // when a connection was accepted last
  OnAccept on_accept_;
  AcceptGate* gate_;
};

}  // namespace switchback::net
