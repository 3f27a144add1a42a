#include "proxy/dns/question.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>

namespace switchback::dns {

namespace {

// c-ares' numbers in the words of somebody who looks at name servers.
std::string sentence_of(int status) {
  switch (status) {
    case ARES_ETIMEOUT:
      return "no name server answers";
    case ARES_ESERVFAIL:
      return "the name server failed (SERVFAIL)";
    case ARES_EREFUSED:
      return "the name server refused the question (REFUSED)";
    case ARES_ECONNREFUSED:
      return "no name server gave an answer (they cannot be reached, or answered SERVFAIL or "
             "REFUSED)";
    case ARES_EBADRESP:
      return "the name server's answer is malformed";
    default:
      return std::string("the question failed: ") + ares_strerror(status);
  }
}

bool read_address(const ares_addrinfo_node& node, Ip& ip) {
  if (node.ai_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(node.ai_addr);
    std::memcpy(ip.bytes.data(), &in->sin_addr, 4);
    return true;
  }
  if (node.ai_family != AF_INET6) return false;
  const auto* in = reinterpret_cast<const sockaddr_in6*>(node.ai_addr);
  std::memcpy(ip.bytes.data(), &in->sin6_addr, 16);
  ip.v6 = true;
  return true;
}

// RFC 2181 §8: a TTL with its highest bit set is 0.
std::uint32_t ttl_of(int ttl) {
  return ttl < 0 ? 0 : static_cast<std::uint32_t>(ttl);
}

// What is not an answer with addresses.
FamilyAnswer without_addresses(int status) {
  FamilyAnswer answer;
  if (status == ARES_ENODATA) {
    answer.outcome = Outcome::no_address;
  } else if (status == ARES_ENOTFOUND) {
    answer.outcome = Outcome::no_such_name;
  } else {
    answer.error = sentence_of(status);
  }
  return answer;
}

FamilyAnswer read_hosts(const ares_addrinfo& result, bool v6) {
  FamilyAnswer answer;
  answer.ttl_s = 0x7fffffff;
  for (const ares_addrinfo_node* at = result.nodes; at && answer.addresses.size() < max_read;
       at = at->ai_next) {
    Ip ip;
    if (!read_address(*at, ip) || ip.v6 != v6) continue;
    answer.addresses.push_back(ip);
    answer.ttl_s = std::min(answer.ttl_s, ttl_of(at->ai_ttl));
  }
  for (const ares_addrinfo_cname* at = result.cnames; at; at = at->next) {
    answer.ttl_s = std::min(answer.ttl_s, ttl_of(at->ttl));
  }
  answer.outcome = answer.addresses.empty() ? Outcome::no_address : Outcome::found;
  return answer;
}

}  // namespace

Question::Question(std::string name, From from, const Source& source) : name_(std::move(name)) {
  parts_[1].v6 = true;
  for (Part& part : parts_) part.question = this;
  const auto unasked = [&](const Part& part) {
    return source.family == (part.v6 ? config::DnsFamily::ipv4 : config::DnsFamily::ipv6);
  };
  for (Part& part : parts_) {
    if (!unasked(part)) continue;
    part.answer.outcome = Outcome::no_address;
    part.done = true;
  }
  if (!open(from, source)) return;
  for (Part& part : parts_) {
    if (!part.done) look_up(part, from);
  }
}

void Question::look_up(Part& part, From from) {
  if (from == From::name_servers) {
    ares_query(channel_, name_.c_str(), 1, part.v6 ? 28 : 1, &Question::on_message, &part);
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = part.v6 ? AF_INET6 : AF_INET;
  ares_getaddrinfo(channel_, name_.c_str(), nullptr, &hints, &Question::on_hosts, &part);
}

Question::~Question() {
  if (channel_) ares_destroy(channel_);
}

bool Question::open(From from, const Source& source) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
             ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS | ARES_OPT_NDOTS;
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  // A lost packet is repeated well before the question's time is over.
  options.timeout = static_cast<int>(std::max<Nanos>(source.timeout_ns / 4'000'000, 5));
  options.tries = 3;
  char lookups[2] = {from == From::hosts_file ? 'f' : 'b', '\0'};
  options.lookups = lookups;
  options.sock_state_cb = &Question::on_socket;
  options.sock_state_cb_data = this;
  int status = library;
  if (status == ARES_SUCCESS) status = ares_init_options(&channel_, &options, mask);
  if (status != ARES_SUCCESS) channel_ = nullptr;
  if (channel_ && !source.servers.empty()) {
    status = ares_set_servers_ports_csv(channel_, source.servers.c_str());
  }
  if (status == ARES_SUCCESS) return true;
  give_up(sentence_of(status));
  return false;
}

void Question::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
  static_cast<Question*>(self)->watch(fd, readable != 0, writable != 0);
}

void Question::watch(ares_socket_t fd, bool read, bool write) {
  std::erase_if(watches_, [fd](const Watch& w) { return w.fd == fd; });
  if (read || write) watches_.push_back({fd, read, write});
}

void Question::on_hosts(void* argument, int status, int, ares_addrinfo* result) {
  Part& part = *static_cast<Part*>(argument);
  if (!part.done) {
    part.done = true;
    part.answer =
        status == ARES_SUCCESS && result ? read_hosts(*result, part.v6) : without_addresses(status);
  }
  if (result) ares_freeaddrinfo(result);
}

void Question::on_message(void* argument, int status, int, unsigned char* message, int size) {
  Part& part = *static_cast<Part*>(argument);
  if (part.done) return;
  part.done = true;
  if (status != ARES_SUCCESS) {
    part.answer = without_addresses(status);
    return;
  }
  auto answer =
      read_message(message, static_cast<std::size_t>(size), part.question->name_, part.v6);
  part.answer = answer ? std::move(*answer) : without_addresses(ARES_EBADRESP);
}

void Question::collect(std::vector<pollfd>& fds) const {
  for (const Watch& w : watches_) {
    const int events = (w.read ? POLLIN : 0) | (w.write ? POLLOUT : 0);
    fds.push_back({w.fd, static_cast<short>(events), 0});
  }
}

void Question::process(const pollfd* fds, std::size_t n) {
  if (!channel_) return;
  for (std::size_t i = 0; i < n; ++i) {
    const short got = fds[i].revents;
    if (got == 0) continue;
    // An earlier round of this loop may have closed it, and another may have its number.
    const auto own = [&](const Watch& w) { return w.fd == fds[i].fd; };
    if (std::none_of(watches_.begin(), watches_.end(), own)) continue;
    const bool fault = (got & (POLLERR | POLLHUP)) != 0;
    ares_process_fd(channel_, fault || (got & POLLIN) ? fds[i].fd : ARES_SOCKET_BAD,
                    fault || (got & POLLOUT) ? fds[i].fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

Nanos Question::wait_ns(Nanos longest_ns) const {
  if (!channel_) return longest_ns;
  timeval most{};
  most.tv_sec = static_cast<time_t>(longest_ns / 1'000'000'000);
  most.tv_usec = static_cast<suseconds_t>(longest_ns % 1'000'000'000 / 1000);
  timeval wait{};
  const timeval* at = ares_timeout(channel_, &most, &wait);
  return at ? Nanos{at->tv_sec} * 1'000'000'000 + Nanos{at->tv_usec} * 1000 : longest_ns;
}

void Question::give_up(const std::string& error) {
  for (Part& part : parts_) {
    if (part.done) continue;
    part.done = true;
    part.answer.outcome = Outcome::failed;
    part.answer.error = error;
  }
}

Answer Question::take() {
  return {std::move(parts_[0].answer), std::move(parts_[1].answer)};
}

}  // namespace switchback::dns
