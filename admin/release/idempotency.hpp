// Which answer belongs to which idempotency key. Keys are per principal; the oldest goes when the
// table is full, and all go when their time is up.
//
// A key that is in use by a running call is known too (pending), so that a duplicate can join it.
// Threads: the control thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "admin/ledger/ledger.hpp"
#include "admin/release/controller.hpp"

namespace switchback::release {

struct FlipRun;

class IdempotencyTable {
 public:
  IdempotencyTable(std::size_t kept, config::Duration ttl) : kept_(kept), ttl_(ttl) {}

  struct Found {
    enum class What { nothing, running, finished, reused } what = What::nothing;
    std::shared_ptr<FlipRun> run;  // running
    FlipAnswer answer;             // finished
  };
  Found find(const FlipRequest& request, bool rollback, std::int64_t now_wall_us);
  void begin(const FlipRequest& request, bool rollback, std::shared_ptr<FlipRun> run);
  void finish(const FlipRequest& request, bool rollback, const FlipAnswer& answer,
              std::int64_t now_wall_us);
  ledger::IdempotencyRow row(const FlipRequest& request, bool rollback, const FlipAnswer& answer,
                             std::int64_t now_wall_us) const;
  void restore(const ledger::IdempotencyRow& row);  // of an earlier life
  // What makes two requests the same one.
  static std::string fingerprint(const FlipRequest& request, bool rollback);

 private:
  using Key = std::pair<std::string, std::string>;  // principal, key
  struct Entry {
    std::string request;
    std::shared_ptr<FlipRun> run;  // null once answered
    FlipAnswer answer;
    std::int64_t expires_wall_us = 0;
  };
  void put(Key key, Entry entry);
  std::int64_t expiry(std::int64_t now_wall_us) const;
  const std::size_t kept_;
  const config::Duration ttl_;
  std::map<Key, Entry> entries_;
  std::deque<Key> order_;  // of insertion, for the bound
};

std::string answer_json(const FlipAnswer& answer);
std::optional<FlipAnswer> answer_from_json(std::string_view text);

}  // namespace switchback::release
