// Names to socket addresses. getaddrinfo blocks for as long as a dead DNS server likes, so the
// health checker asks through a Resolver, which has a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/upstream/server_state.hpp"

namespace switchback::upstream {

struct NameAnswer {
  std::vector<ResolvedAddress> addresses;  // IPv4 first, at most max_addresses_per_name
  std::string error;                       // "name does not resolve: …" when there are none
  bool temporary = false;                  // the resolver failed; the name itself may be fine
};
inline constexpr std::size_t max_addresses_per_name = 8;

// IP literals and unix paths need nobody's help. False: it is a name (or a path that is too long).
bool resolve_literal(const config::Address& address, ResolvedAddress& out);
NameAnswer resolve_name(const config::Address& address);  // blocks

// Threads: ask() and the destructor from one thread; `done` is called on the resolver's thread,
// under its lock: it must only hand over. Not called after the destructor began. The destructor
// never waits for a lookup: a thread that sits in getaddrinfo is let go and ends by itself,
// touching nothing of ours.
class Resolver {
 public:
  using Done = std::function<void(NameAnswer)>;
  explicit Resolver(std::function<NameAnswer(const config::Address&)> lookup = resolve_name);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  // A question whose `wanted` is gone by the time its turn comes is dropped unasked.
  void ask(config::Address address, std::weak_ptr<void> wanted, Done done);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace switchback::upstream
