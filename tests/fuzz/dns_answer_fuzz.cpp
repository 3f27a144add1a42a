// Whatever a name server sends back: the question ends, and the addresses that come of it keep to
// their family and their bounds.
//
// The first byte says how an answer is made: bit 0: the id of the question (else the input's), bit
// 1: the question repeated, as honest servers do (else the input's bytes there too).
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "proxy/dns/question.hpp"

using namespace switchback;
using namespace switchback::dns;

namespace {

constexpr std::size_t header_bytes = 12;

void promise(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

class Server {
 public:
  Server() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    promise(::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0, "a socket");
    socklen_t bytes = sizeof at;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &bytes);
    address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  const std::string& address() const { return address_; }

  // Answers every question that is there. How many.
  unsigned answer(std::uint8_t how, const std::string& bytes) const {
    char asked[2048];
    sockaddr_in from{};
    unsigned answered = 0;
    for (;;) {
      socklen_t size = sizeof from;
      const ssize_t n =
          ::recvfrom(fd_, asked, sizeof asked, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < static_cast<ssize_t>(header_bytes)) return answered;
      const std::string said = made_of({asked, static_cast<std::size_t>(n)}, how, bytes);
      ::sendto(fd_, said.data(), said.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      ++answered;
    }
  }

 private:
  static std::string made_of(const std::string& asked, std::uint8_t how, const std::string& bytes) {
    std::string said = bytes;
    if (said.size() < header_bytes) said.resize(header_bytes);
    if (how & 2) {
      // The name, its end, type and class.
      const std::size_t end = std::min(asked.find('\0', header_bytes) + 5, asked.size());
      said.insert(header_bytes, asked, header_bytes, end - header_bytes);
      said[4] = '\0';
      said[5] = '\1';
    }
    if (how & 1) std::copy_n(asked.begin(), 2, said.begin());
    said[2] = static_cast<char>(said[2] | 0x80);  // an answer, or nobody looks at it
    return said;
  }

  int fd_;
  std::string address_;
};

void check(const FamilyAnswer& answer, bool v6) {
  promise(answer.addresses.size() <= max_read, "bounded");
  promise((answer.outcome == Outcome::found) == !answer.addresses.empty(), "found is found");
  for (const Ip& ip : answer.addresses) promise(ip.v6 == v6, "of its family");
  promise(answer.outcome != Outcome::failed || !answer.error.empty(), "a failure says why");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 8192) return 0;
  static const Server server;
  server.answer(0, {});  // what an earlier input left asked
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Question question("app.shop.test.", Question::From::name_servers,
                    {server.address(), 2'000'000'000});
  for (int turn = 0; turn < 8 && !question.done(); ++turn) {
    if (server.answer(data[0], bytes) == 0 && turn > 0) break;
    std::vector<pollfd> fds;
    question.collect(fds);
    ::poll(fds.data(), fds.size(), 0);
    question.process(fds.data(), fds.size());
  }
  question.give_up("no answer");
  promise(question.done(), "a question ends");
  Answer answer = question.take();
  check(answer.v4, false);
  check(answer.v6, true);
  NameEntry entry;
  entry.conclude(std::move(answer), {1'000'000'000, 60'000'000'000}, 1'000'000'000, 0.5);
  const NameStatus& status = entry.status();
  promise(status.addresses.size() <= max_addresses, "bounded in force");
  promise(std::is_sorted(status.addresses.begin(), status.addresses.end()), "sorted");
  promise(status.ask_ns > 1'000'000'000 && status.ask_ns <= 62'000'000'000, "asked again in time");
  return 0;
}
