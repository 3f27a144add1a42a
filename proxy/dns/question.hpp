// One full name asked once, A and AAAA side by side, by c-ares on a channel of its own: a fresh
// source port for each question (RFC 5452 §9.2), and an end that nothing of another question can
// hold up.
//
// Threads: one. No exceptions. Bounded by c-ares: an answer is at most 64 KiB (over TCP); read of
// it are at most max_read addresses a family.
#pragma once

#include <ares.h>
#include <poll.h>

#include <array>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/dns/message.hpp"
#include "proxy/dns/name_entry.hpp"

namespace switchback::dns {

struct Source {
  std::string servers;   // "192.0.2.1:53,[2001:db8::1]:53"; empty: the system's
  Nanos timeout_ns = 0;  // of a question, all servers and repeats included
  config::DnsFamily family = config::DnsFamily::both;  // the other has no address, unasked
};

class Question {
 public:
  enum class From : unsigned char { hosts_file, name_servers };
  // `name`: rooted for name servers. It may be answered when the constructor returns.
  Question(std::string name, From from, const Source& source);
  ~Question();
  Question(const Question&) = delete;

  bool done() const { return parts_[0].done && parts_[1].done; }
  void collect(std::vector<pollfd>& fds) const;    // appends what it waits for
  void process(const pollfd* fds, std::size_t n);  // those of its own among them; and its timeouts
  Nanos wait_ns(Nanos longest_ns) const;           // until its next timeout
  void give_up(const std::string& error);          // what has no answer has failed
  Answer take();

 private:
  struct Part {
    Question* question = nullptr;
    FamilyAnswer answer;
    bool v6 = false;
    bool done = false;
  };
  struct Watch {
    ares_socket_t fd;
    bool read, write;
  };
  bool open(From from, const Source& source);
  void watch(ares_socket_t fd, bool read, bool write);
  static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
  static void on_hosts(void* part, int status, int timeouts, ares_addrinfo* result);
  static void on_message(void* part, int status, int timeouts, unsigned char* message, int size);
  void look_up(Part& part, From from);

  const std::string name_;
  ares_channel channel_ = nullptr;
  std::array<Part, 2> parts_;
  std::vector<Watch> watches_;
};

}  // namespace switchback::dns
