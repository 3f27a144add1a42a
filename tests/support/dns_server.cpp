#include "tests/support/dns_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace switchback::test {

namespace {

constexpr std::uint16_t type_a = 1, type_cname = 5, type_aaaa = 28;
constexpr std::size_t udp_room = 1200;

void put16(std::string& out, unsigned n) {
  out += static_cast<char>(n >> 8 & 0xff);
  out += static_cast<char>(n & 0xff);
}
void put32(std::string& out, std::uint32_t n) {
  put16(out, n >> 16);
  put16(out, n & 0xffff);
}
void put_name(std::string& out, const std::string& name) {
  for (std::size_t at = 0; at < name.size();) {
    std::size_t dot = name.find('.', at);
    if (dot == std::string::npos) dot = name.size();
    out += static_cast<char>(dot - at);
    out.append(name, at, dot - at);
    at = dot + 1;
  }
  out += '\0';
}

struct Question {
  std::string id, name, section;  // the section as it was sent
  std::uint16_t type = 0;
  bool sound = false;
};

Question read_question(const std::string& packet) {
  Question q;
  if (packet.size() < 17) return q;
  q.id = packet.substr(0, 2);
  std::size_t at = 12;
  while (at < packet.size() && packet[at] != 0) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(packet[at]));
    if (size > 63 || at + 1 + size >= packet.size()) return q;
    if (!q.name.empty()) q.name += '.';
    for (const char c : packet.substr(at + 1, size)) {
      q.name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    at += 1 + size;
  }
  if (at + 5 > packet.size()) return q;
  q.type = static_cast<std::uint16_t>(static_cast<unsigned char>(packet[at + 1]) << 8 |
                                      static_cast<unsigned char>(packet[at + 2]));
  q.section = packet.substr(12, at + 5 - 12);
  q.sound = true;
  return q;
}

std::string head_of(const Question& q, unsigned rcode, bool truncated, unsigned answers) {
  std::string out = q.id;
  put16(out, 0x8180u | rcode | (truncated ? 0x0200u : 0u));
  put16(out, 1);
  put16(out, answers);
  put16(out, 0);
  put16(out, 0);
  return out + q.section;
}

void put_record(std::string& out, const std::string& owner, std::uint16_t type, std::uint32_t ttl,
                const std::string& data) {
  put_name(out, owner);
  put16(out, type);
  put16(out, 1);
  put32(out, ttl);
  put16(out, static_cast<unsigned>(data.size()));
  out += data;
}

std::string full_answer(const Question& q, const DnsReply& reply) {
  std::string records, owner = q.name;
  unsigned count = 0;
  for (const std::string& next : reply.chain) {
    std::string data;
    put_name(data, next);
    put_record(records, owner, type_cname, reply.chain_ttl, data);
    owner = next;
    ++count;
  }
  for (const std::string& text : reply.addresses) {
    std::array<char, 16> bytes{};
    const bool v6 = text.find(':') != std::string::npos;
    if (v6 != (q.type == type_aaaa)) continue;
    if (::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1) {
      throw std::runtime_error("not an address: " + text);
    }
    put_record(records, owner, q.type, reply.ttl, std::string(bytes.data(), v6 ? 16 : 4));
    ++count;
  }
  return head_of(q, 0, false, count) + records;
}

// What of an answer is broken on purpose.
std::string broken_answer(const Question& q, const DnsReply& reply) {
  std::string answer = full_answer(q, reply);
  const std::size_t records = 12 + q.section.size();
  switch (reply.behaviour) {
    case DnsBehaviour::wrong_id:
      answer[0] = static_cast<char>(answer[0] ^ 0x55);
      return answer;
    case DnsBehaviour::wrong_name: {
      Question other = q;
      other.section[1] = static_cast<char>(other.section[1] ^ 0x02);
      return full_answer(other, reply);
    }
    case DnsBehaviour::garbage:
      return q.id + std::string(40, '\xff');
    case DnsBehaviour::cut:
      return answer.substr(0, answer.size() - 3);
    case DnsBehaviour::pointer_loop: {
      std::string out = head_of(q, 0, false, 1);
      put16(out, 0xc000u | static_cast<unsigned>(records));
      put16(out, q.type);
      return out + std::string("\0\1\0\0\0\x3c\0\4\x7f\0\0\1", 12);
    }
    case DnsBehaviour::long_rdata: {
      std::string out = head_of(q, 0, false, 1);
      put_name(out, q.name);
      put16(out, q.type);
      return out + std::string("\0\1\0\0\0\x3c\xff\xff\x7f\0\0\1", 12);
    }
    default:
      return answer;
  }
}

}  // namespace

struct DnsServer::Impl {
  Impl();
  ~Impl();
  void run();
  void serve_udp();
  void serve_tcp();
  std::string answer(const std::string& packet, bool tcp, bool& cut_short);

  int udp = -1, tcp = -1, wake = -1;
  std::uint16_t port = 0;
  mutable std::mutex mutex;
  std::map<std::pair<std::string, bool>, DnsReply> script;
  std::map<std::string, std::uint64_t> asked;
  std::uint64_t tcp_questions = 0;
  bool silent = false;
  std::thread thread;
};

DnsServer::Impl::Impl() : wake(::eventfd(0, EFD_CLOEXEC)) {
  // The same port for both; another one when TCP's is taken.
  for (int attempt = 0; attempt < 50 && tcp < 0; ++attempt) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* where = reinterpret_cast<sockaddr*>(&in);
    socklen_t size = sizeof in;
    udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (::bind(udp, where, size) != 0) throw std::runtime_error("no UDP port");
    ::getsockname(udp, where, &size);
    tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(tcp, where, size) == 0 && ::listen(tcp, 16) == 0) {
      port = ntohs(in.sin_port);
      break;
    }
    ::close(tcp);
    ::close(udp);
    tcp = -1;
  }
  if (tcp < 0) throw std::runtime_error("no port that is free for UDP and TCP");
  thread = std::thread([this] { run(); });
}

DnsServer::Impl::~Impl() {
  ::eventfd_write(wake, 1);
  thread.join();
  for (const int fd : {udp, tcp, wake}) ::close(fd);
}

void DnsServer::Impl::run() {
  for (;;) {
    std::array<pollfd, 3> fds{{{wake, POLLIN, 0}, {udp, POLLIN, 0}, {tcp, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) serve_udp();
    if (fds[2].revents != 0) serve_tcp();
  }
}

void DnsServer::Impl::serve_udp() {
  std::array<char, 4096> buffer;
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t n =
      ::recvfrom(udp, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (n <= 0) return;
  bool cut_short = false;
  const auto out =
      answer(std::string(buffer.data(), static_cast<std::size_t>(n)), false, cut_short);
  if (out.empty()) return;
  ::sendto(udp, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
}

// One question a connection, as resolvers send it after a truncated answer.
void DnsServer::Impl::serve_tcp() {
  const int fd = ::accept4(tcp, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const timeval limit{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  for (int i = 0; i < 2; ++i) {  // A and AAAA may share it
    std::array<unsigned char, 2> size{};
    if (::recv(fd, size.data(), 2, MSG_WAITALL) != 2) break;
    std::string packet(static_cast<std::size_t>(size[0] << 8 | size[1]), '\0');
    if (::recv(fd, packet.data(), packet.size(), MSG_WAITALL) !=
        static_cast<ssize_t>(packet.size())) {
      break;
    }
    bool cut_short = false;
    const std::string body = answer(packet, true, cut_short);
    if (body.empty()) break;
    std::string out;
    put16(out, static_cast<unsigned>(body.size()));
    out += cut_short ? body.substr(0, body.size() / 2) : body;
    if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0 || cut_short) break;
    pollfd more{fd, POLLIN, 0};
    if (::poll(&more, 1, 50) <= 0) break;
  }
  ::close(fd);
}

std::string DnsServer::Impl::answer(const std::string& packet, bool over_tcp, bool& cut_short) {
  const Question q = read_question(packet);
  if (!q.sound) return {};
  const std::lock_guard lock(mutex);
  ++asked[q.name];
  if (over_tcp) ++tcp_questions;
  if (silent) return {};
  const auto found = script.find({q.name, q.type == type_aaaa});
  if (found == script.end() || (q.type != type_a && q.type != type_aaaa)) {
    return head_of(q, 3, false, 0);
  }
  const DnsReply& reply = found->second;
  switch (reply.behaviour) {
    case DnsBehaviour::silent:
      return {};
    case DnsBehaviour::servfail:
      return head_of(q, 2, false, 0);
    case DnsBehaviour::refused:
      return head_of(q, 5, false, 0);
    case DnsBehaviour::no_such_name:
      return head_of(q, 3, false, 0);
    case DnsBehaviour::no_data:
      return head_of(q, 0, false, 0);
    case DnsBehaviour::truncated:
    case DnsBehaviour::tcp_only_cut:
      if (!over_tcp) return head_of(q, 0, true, 0);
      cut_short = reply.behaviour == DnsBehaviour::tcp_only_cut;
      return full_answer(q, reply);
    default: {
      std::string out = broken_answer(q, reply);
      return !over_tcp && out.size() > udp_room ? head_of(q, 0, true, 0) : out;
    }
  }
}

DnsServer::DnsServer() : impl_(std::make_unique<Impl>()) {}
DnsServer::~DnsServer() = default;
std::uint16_t DnsServer::port() const {
  return impl_->port;
}
std::string DnsServer::address() const {
  return "127.0.0.1:" + std::to_string(impl_->port);
}

void DnsServer::set_family(const std::string& name, bool v6, DnsReply reply) {
  const std::lock_guard lock(impl_->mutex);
  impl_->script[{name, v6}] = std::move(reply);
}
void DnsServer::set(const std::string& name, DnsReply reply) {
  set_family(name, false, reply);
  set_family(name, true, std::move(reply));
}
void DnsServer::set(const std::string& name, std::vector<std::string> addresses,
                    std::uint32_t ttl) {
  DnsReply reply;
  reply.addresses = std::move(addresses);
  reply.ttl = ttl;
  set(name, std::move(reply));
}
void DnsServer::set_silent(bool silent) {
  const std::lock_guard lock(impl_->mutex);
  impl_->silent = silent;
}
std::uint64_t DnsServer::asked(const std::string& name) const {
  const std::lock_guard lock(impl_->mutex);
  const auto at = impl_->asked.find(name);
  return at == impl_->asked.end() ? 0 : at->second;
}
std::uint64_t DnsServer::tcp_questions() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->tcp_questions;
}

}  // namespace switchback::test
