// The limits of strangers as one worker sees them: who may connect, who may ask.
//
// Shared between workers are the table and the ceiling (ClientShares); the numbers come with each
// configuration (ClientLimits) and are adopted by each worker on its own thread.
// Nothing is looked up for what is not configured: guards() and limits_requests() are false then.
#pragma once

#include <memory>

#include "config/model.hpp"
#include "proxy/guard/ceiling.hpp"
#include "proxy/guard/client_table.hpp"

namespace switchback::guard {

struct ClientShares {
  std::unique_ptr<ClientTable> table;  // made when first configured, kept then
  Ceiling ceiling;
};

// What one connection holds of the shares; given back once.
struct Visit {
  ClientTable::Entry* entry = nullptr;
  bool placed = false;  // under the ceiling
};

class ClientGuard {
 public:
  enum class Verdict : std::uint8_t { welcome, over_limit, uncounted };

  // `shares.table` is there when `limits` ask for it.
  void adopt(const config::Clients& limits, ClientShares& shares);

  bool guards() const { return table_ != nullptr; }  // addresses are counted
  bool limits_requests() const { return requests_.limited(); }
  bool has_ceiling() const { return limits_.max_connections != 0; }

  // A place under the ceiling, before accepting; false: ask again when woken.
  bool enter_ceiling() { return !has_ceiling() || ceiling_->enter_or_wait(); }
  void leave_ceiling() {
    if (has_ceiling()) ceiling_->leave();
  }

  // A new connection whose address is known now. Unix sockets have no address and no limits.
  Verdict admit(const net::IpBytes& ip, Visit& visit, Nanos now_ns);
  // A connection that was open when limits came or changed: counted, never refused.
  void recount(const net::IpBytes& ip, Visit& visit, Nanos now_ns);
  bool admit_request(Visit& visit, Nanos now_ns) {
    return !visit.entry || ClientTable::take_request(*visit.entry, requests_, now_ns);
  }
  // A request of a client that is not the peer: its own address counts, and no connection of it.
  Verdict admit_request_of(const net::IpBytes& ip, Nanos now_ns);
  void release(Visit& visit);

 private:
  bool exempt(const net::IpBytes& ip) const;
  config::Clients limits_;
  Rate connections_, requests_;
  ClientTable* table_ = nullptr;
  Ceiling* ceiling_ = nullptr;
};

bool counts_addresses(const config::Clients& limits);

}  // namespace switchback::guard
