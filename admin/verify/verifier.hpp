// Verification as the rest of the control plane sees it: what the standby's checks say, what a flip
// has proved, what the traffic of a new release is judged to be. docs/verification.md has the
// rules.
//
// Threads: the control thread (verify a flip, read, subscribe); probes and hooks run on threads of
// the verifier's own, so that nothing here can delay a switch. Reads are from memory and never
// wait. Times `at_ns` are proxy/base/clock.hpp's monotonic_ns(), `…wall_us` are for people.
// Lifetime: made after the controller and ends before it. Services without `verify` have
// `planned` false and nothing else.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/events/events.hpp"
#include "admin/release/controller.hpp"
#include "admin/verify/e_process.hpp"
#include "admin/verify/paired.hpp"
#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"

namespace switchback::worker {
class DataPlane;
}
namespace switchback::ledger {
class Ledger;
}

namespace switchback::verify {

// unknown: no check asks for ${release.version}, or no answer came yet.
enum class Identity : std::uint8_t { unknown, matches, differs };
std::string_view to_string(Identity identity);

struct CheckReport {
  std::string name;
  bool ok = false;                 // by its rule (`pass`), on every server that was asked
  bool answered = false;           // an answer came, good or bad, from each server
  std::string server;              // where it failed first; empty when ok
  std::string observed, expected;  // of the newest failure; of the newest answer when ok
  std::uint64_t latency_us = 0;    // of the slowest server's newest answer
  unsigned passes = 0, runs = 0;   // of all servers, in the window of the rule
};

// The whole plan against the standby, kept up every 5 s.
struct Standing {
  bool planned = false;
  Color color = Color::green;
  std::string release;             // "" where nobody has named it
  unsigned passed = 0, total = 0;  // checks
  Nanos at_ns = 0;                 // end of the newest round; 0: none yet
  std::int64_t at_wall_us = 0;
  std::vector<CheckReport> checks;   // all
  std::vector<CheckReport> failing;  // those that are not ok
  Identity identity = Identity::unknown;
  bool fit() const { return planned && at_ns != 0 && total == passed; }
};

enum class Value : std::uint8_t { healthy, regressed, degraded, shared, inconclusive };
std::string_view to_string(Value value);  // "HEALTHY", …

struct StreamVerdict {
  std::string name;
  Value value = Value::inconclusive;
  bool warned = false;  // E >= 100
  Counts now;           // since the flip
  Counts baseline;
  double baseline_share = 0;  // bad share of the baseline; 0 where it is empty
  double null_share = 0;      // what would still be no regression
  double log10_e = 0, log10_threshold = 0;
  std::uint64_t requests_needed = 0;          // clean ones, until HEALTHY; max: cannot be had
  std::optional<std::int64_t> onset_wall_us;  // most likely moment of the change
  double bad_per_second = 0;                  // mean of the last 10 s
  std::string why;  // of an inconclusive one: "the baseline has 40 of 1000 requests"
};

struct PairedReport {
  bool planned = false;
  PairedVerdict value = PairedVerdict::unknown;
  std::uint64_t pairs = 0, both_good = 0, both_bad = 0, only_new_bad = 0, only_old_bad = 0;
};

// Of the release that became active with `flip`. `watching`: its bake window is open.
struct ServiceVerdict {
  bool planned = false;  // the service has streams or paired probes
  bool watching = false;
  std::string flip;
  release::FlipKind kind = release::FlipKind::promote;
  Color subject = Color::blue;
  std::string subject_release;
  Value value = Value::inconclusive;       // worst stream; REGRESSED becomes SHARED where both fail
  Value of_traffic = Value::inconclusive;  // the worst stream alone
  bool warned = false;
  std::vector<StreamVerdict> streams;
  PairedReport paired;
  std::optional<std::int64_t> onset_wall_us;                      // of the worst stream
  std::optional<std::int64_t> warned_wall_us, regressed_wall_us;  // when first said
  double bad_per_second = 0, requests_per_second = 0;             // of the worst stream, last 10 s
  double baseline_share = 0;                                      // of the same
  std::int64_t since_wall_us = 0;                                 // the flip
  Nanos at_ns = 0;                                                // when this was judged
  std::string text;                                               // one line for people
};

// `${release.version}` and `${release.commit}` of what runs on a color; empty: unknown.
struct ReleaseFacts {
  std::string version, commit;
};

class Verifier {
 public:
  using OnVerdict = std::function<void(const std::string& service, const ServiceVerdict&)>;
  using OnStanding = std::function<void(Standing)>;

  virtual ~Verifier() = default;

  virtual Standing standing(const std::string& service) const = 0;
  virtual ServiceVerdict verdict(const std::string& service) const = 0;
  // Called once a second for each service that is watched, and once more when its window ends.
  virtual std::uint64_t subscribe(OnVerdict on_verdict) = 0;
  virtual void unsubscribe(std::uint64_t handle) = 0;

  // The whole plan against a color, now; `done` on the control thread. No plan: planned false.
  virtual void run_now(const std::string& service, Color color, OnStanding done) = 0;
  // Where the facts come from; without one, the version is the pool's `release`.
  virtual void set_release_facts(
      std::function<ReleaseFacts(const std::string& service, Color color)> facts) = 0;

  // A configuration that was adopted. Its plans have been compiled once without a fault.
  virtual void configure(const config::Config& config) = 0;
};

struct VerifierOptions {
  config::Duration standby_round{5000};
};

// Registers with the controller; end it before the controller.
std::unique_ptr<Verifier> make_verifier(boost::asio::io_context& io, worker::DataPlane& plane,
                                        release::Controller& controller, events::Events& events,
                                        ledger::Ledger& ledger, const config::Config& config,
                                        VerifierOptions options = {});

}  // namespace switchback::verify
