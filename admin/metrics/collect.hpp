// /metrics: everything worth a graph or an alert, read from the data plane's counters, the
// services' views and the controller. Names and labels: docs/admin-api.md.
//
// Threads: the control thread. Cost: proportional to services x workers; the counters are read
// relaxed, without stopping anybody.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "admin/metrics/exposition.hpp"
#include "admin/release/controller.hpp"
#include "config/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::metrics {

// Who may act, and what the audit chain is behind with.
struct PeopleCounts {
  std::vector<std::pair<std::string, double>> token_days;  // until they expire, by name
  std::uint64_t tokens_valid = 0, tokens_expiring = 0, tokens_expired = 0;
  std::uint64_t able_hands = 0, proven_hands = 0;
  std::uint64_t audit_queued = 0, audit_noted = 0, audit_lost = 0, audit_summed = 0;
  std::uint64_t audit_seq = 0;  // of the newest entry that is down
};

// What the admin plane has counted itself.
struct AdminCounts {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t connections_evicted = 0;
  std::uint64_t requests = 0;
  std::uint64_t malformed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t auth_failed = 0;
  std::uint64_t auth_limited = 0;
  std::uint64_t auth_forbidden = 0;
  std::uint64_t cross_site = 0;
  std::uint64_t event_subscribers = 0;
  std::uint64_t events_sent = 0;
  std::uint64_t event_subscribers_cut = 0;
  std::uint64_t event_subscribers_refused = 0;
  // Switches since the start, by {service, kind}.
  std::map<std::pair<std::string, std::string>, std::uint64_t> flips;
  std::vector<std::string> alarms;  // the codes of those that stand
  PeopleCounts people;
};

// One scrape, in parts: between two of them others may have their turn on the control thread, a
// reload among them. What is referred to outlives it.
class Scrape {
 public:
  // `moved`: from scrape to scrape; null: as if there had been none.
  Scrape(const worker::DataPlane& plane, const release::Controller& controller,
         const AdminCounts& admin, const config::Metrics& shown = {}, Moved* moved = nullptr);
  ~Scrape();
  Scrape(const Scrape&) = delete;

  bool step();  // writes the next part; false: that was the last
  // For what others add.
  Exposition& out() { return out_; }
  std::string take() { return out_.take(); }

 private:
  const worker::DataPlane& plane_;
  const release::Controller& controller_;
  const AdminCounts admin_;
  const config::Metrics shown_;
  Exposition out_;
  std::vector<worker::ServiceView> views_;
  unsigned part_ = 0;
};

// All of it at once.
std::string prometheus_text(const worker::DataPlane& plane, const release::Controller& controller,
                            const AdminCounts& admin, const config::Metrics& shown = {},
                            Moved* moved = nullptr);

}  // namespace switchback::metrics
