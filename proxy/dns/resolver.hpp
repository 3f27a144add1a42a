// Keeps names resolved: asks for each again as its TTL says, on one thread of its own. Nobody waits
// for it; whoever wants to know reads what is in force.
//
// With Dns::servers the names are asked there as they are; without, /etc/hosts is read first, then
// the name servers and search domains of /etc/resolv.conf are used (read anew for each question).
// At most max_in_flight names are asked about at once, the longest due first.
// Threads: all methods from any thread. `on_change` is called on the resolver's thread, without a
// lock, after addresses, error or `gone` of some name have changed: it must only hand over.
// Errors: none; a process without descriptors keeps what it knows and asks again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "config/model.hpp"
#include "proxy/dns/name_entry.hpp"

namespace switchback::dns {

inline constexpr std::size_t max_in_flight = 32;

using NameTable = std::map<std::string, NameStatus>;  // by name_key()

// What a host is known by: lower case.
std::string name_key(const std::string& host);

class Resolver {
 public:
  explicit Resolver(std::function<void()> on_change);
  ~Resolver();  // at once, whatever is being asked
  Resolver(const Resolver&) = delete;

  // Names that stay keep what is known; new ones are asked at once; with other servers or limits
  // all are asked anew. Names are hosts as configured, without literals and localhost.
  void configure(const config::Dns& settings, const std::set<std::string>& names);
  // Names that were configured but not looked at yet are not in it.
  std::shared_ptr<const NameTable> table() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::dns
