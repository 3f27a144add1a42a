// A name server of the tests' own: UDP and TCP on one port of 127.0.0.1, with scripted answers.
//
// A name that was not scripted does not exist. A and AAAA are scripted together (`set`) or each on
// its own (`set_family`). Threads: all methods from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace switchback::test {

enum class DnsBehaviour : std::uint8_t {
  answer,
  silent,  // nothing comes back
  servfail,
  refused,
  no_such_name,
  no_data,       // NOERROR without an answer
  truncated,     // over UDP: empty, with TC; over TCP: the answer
  tcp_only_cut,  // over UDP: TC; over TCP: the connection is closed in the middle of the answer
  wrong_id,      // the answer to another question
  wrong_name,    // the answer repeats another question
  garbage,       // the right id, then bytes that are no DNS
  cut,           // an answer that ends within a record
  pointer_loop,  // a name whose compression points at itself
  long_rdata,    // a record whose length goes over the end
};

struct DnsReply {
  DnsBehaviour behaviour = DnsBehaviour::answer;
  std::vector<std::string> addresses;  // of the family that is asked; others are passed over
  std::uint32_t ttl = 60;
  std::vector<std::string> chain;  // CNAMEs between the name and the addresses
  std::uint32_t chain_ttl = 60;
};

class DnsServer {
 public:
  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;

  std::uint16_t port() const;
  std::string address() const;  // "127.0.0.1:41873"
  void set(const std::string& name, DnsReply reply);
  void set(const std::string& name, std::vector<std::string> addresses, std::uint32_t ttl = 60);
  void set_family(const std::string& name, bool v6, DnsReply reply);
  void set_silent(bool silent);                        // whatever is asked
  std::uint64_t asked(const std::string& name) const;  // questions of both families, repeats too
  std::uint64_t tcp_questions() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::test
