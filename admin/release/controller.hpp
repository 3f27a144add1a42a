// The one place that decides and orders a switch: promote, rollback, pause, resume; receipts and
// history. Lives on the control thread's io_context; every public method is called there, every
// callback is called there.
//
// Order of a promote: decide (If-Match, fitness, idempotency) -> run slot (tmpfs) -> state slot
// (lane of its own; 1 s, refused on failure) -> store and barrier (250 ms, then answered as
// `switching`, exit 34) -> answer -> ledger. Of a rollback: decide -> run slot -> store and
// barrier, the state slot meanwhile (50 ms, then answered durable:false) -> answer -> ledger.
// Errors are values (Problem), each saying whether traffic moved and what to type next.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"
#include "proxy/drain/switch_record.hpp"

namespace switchback::worker {
struct ServiceView;
}

namespace switchback::release {

class Policy;

struct Actor {
  std::string name;  // "uid 0 (root)", "token ci", "local"
  std::string auth;  // "peer", "token", "internal"
  config::Role role = config::Role::read;
  std::string on_behalf_of;  // the person a chat bot acts for, by its own word; empty: nobody
  // "token bot for dana", in receipts and events; what may be done follows from `name` alone.
  std::string shown() const { return on_behalf_of.empty() ? name : name + " for " + on_behalf_of; }
};

enum class FlipKind : std::uint8_t { promote, rollback, auto_rollback, drill };
enum class FlipState : std::uint8_t {
  switching,
  switched,
  draining,
  drained,
  verified,
  unverified,
  regressed,
  failed_before_switch  // the process ended before traffic moved
};
std::string_view to_string(FlipKind k);
std::string_view to_string(FlipState s);

// Milliseconds since the request was taken up; absent: not reached.
struct Stages {
  std::optional<double> decided, persisted, switched, first_new, last_old, drained, verified;
};

// What a verification plan has shown of a switch (docs/verification.md).
struct CheckLine {
  std::string name;
  bool ok = false;
  std::string server;              // where it failed first
  std::string observed, expected;  // of the newest failure; of the newest answer when ok
  std::uint64_t latency_us = 0;
  unsigned passes = 0, runs = 0;  // in the window of its rule, of all servers
};
struct Verification {
  bool settled = false;          // the state below is the last word
  std::string state;             // verifying, verified, unverified, regressed, superseded
  std::string verdict;           // of the traffic: HEALTHY, …; "" where it is not judged
  std::string label;             // "probes only", or why it is not verified
  std::int64_t deadline_ms = 0;  // after the switch
  std::vector<CheckLine> checks;
};

struct Receipt {
  std::string flip;  // ULID
  FlipKind kind = FlipKind::promote;
  std::string service;
  Color from = Color::blue, to = Color::green;
  std::string from_release, to_release;
  std::uint64_t epoch = 0;
  std::string actor, auth, reason;
  FlipState state = FlipState::switching;
  bool moved = false;
  bool already = false;  // the target was active; nothing was done
  bool durable = true;
  bool forced = false;      // an unfit standby was forced, and why is in the reason
  bool superseded = false;  // a later switch overtook its drain
  Stages stages_ms;
  drain::Counts counts{};
  std::vector<std::string> warnings;
  // How a death of the process met it: "resumed" (its answer may never have been seen),
  // "recovered" (answered, and pieced together again), "failed_before_switch".
  std::vector<std::string> tags;
  std::vector<unsigned> lagging_workers;     // state switching: who has not passed
  std::optional<Verification> verification;  // none: the service has no plan
  std::int64_t wall_us = 0;
};

struct Problem {
  unsigned status = 409;  // HTTP
  std::string code;       // "standby_unfit", "stale_epoch", "nothing_to_roll_back_to", …
  std::string title, detail;
  bool moved = false;  // did traffic move
  std::string next;    // the exact command to type next; may be empty
  int exit_code = 10;
};

enum class Wait : std::uint8_t { switched, drained, verified };

struct FlipRequest {
  std::string service;
  std::optional<std::string> to;  // promote: "blue", "green" or a release name
  std::string reason;
  bool force = false;
  std::string requalify;   // why a release that was rolled back may be promoted again
  bool automatic = false;  // a rollback that no person asked for: kind auto_rollback, may be held
  std::optional<std::uint64_t> if_match;  // epoch
  std::string idempotency_key;            // empty: none
  std::string request_fingerprint;        // of the body, to tell a reused key from a replay
  Actor actor;
  Wait wait = Wait::switched;
};

using FlipAnswer = std::variant<Receipt, Problem>;
using OnFlip = std::function<void(FlipAnswer)>;

// A null flip: what a rollback does, without moving anything. Milliseconds since `begun_ns`.
struct Rehearsal {
  bool ok = false;
  bool dropped = false;  // a real switch came, and went first
  std::string fault;
  std::optional<double> decided, persisted, switched;
};
using OnRehearsal = std::function<void(const Rehearsal&)>;

struct Event {           // of the SSE stream
  std::uint64_t id = 0;  // grows by one
  std::string type;  // "flip.switched", "flip.drained", "health", "paused", "resumed", "alarm", …
  std::string json;  // one line
};
using OnEvent = std::function<void(const Event&)>;

struct Alarm {
  std::string code;  // "ledger_unwritable", "state_not_durable", …
  std::string text;
  std::int64_t since_wall_us = 0;
};

// Who proves switches. Called on the control thread, never before traffic has moved.
class FlipWatcher {
 public:
  virtual ~FlipWatcher() = default;
  virtual bool has_plan(const std::string& service) const = 0;
  // Every worker has passed; it answers by Controller::verification, again and again.
  virtual void switched(const Receipt& receipt) = 0;
};

class Controller {
 public:
  virtual ~Controller() = default;

  virtual void promote(FlipRequest request, OnFlip done) = 0;
  virtual void rollback(FlipRequest request, OnFlip done) = 0;  // `to` is ignored
  // max: the door opens by itself after it.
  virtual std::optional<Problem> pause(const std::string& service, config::Duration max,
                                       const Actor& actor) = 0;
  virtual std::optional<Problem> resume(const std::string& service, const Actor& actor) = 0;

  virtual std::optional<Receipt> flip(const std::string& id) const = 0;  // live while it drains
  virtual std::vector<Receipt> history(const std::string& service,
                                       std::size_t limit) const = 0;  // newest first; "" = all
  virtual std::optional<Receipt> last_flip(const std::string& service) const = 0;
  // What `rollback` would go to now; nullopt: nothing to roll back to.
  virtual std::optional<Color> rollback_target(const std::string& service) const = 0;
  virtual std::vector<Alarm> alarms() const = 0;

  // Who speaks for names, holds and quarantine; nullptr: nobody. Outlives its time here.
  virtual void set_policy(Policy* /*policy*/) {}
  // Puts the releases that were staged in the place of those that the configuration names.
  virtual void name_releases(worker::ServiceView& /*view*/) const {}
  // The whole way of a rollback but for the switch itself; a real switch of the service drops it.
  // `done` is called once, at the latest when the controller ends.
  virtual void rehearse(const std::string& /*service*/, Nanos /*begun_ns*/, OnRehearsal /*done*/) {}
  // An event of somebody else's for the stream: one line of JSON, which gets its "at" here.
  virtual void tell(const std::string& /*type*/, const std::string& /*json*/) {}

  // Events after `last_id` that are still kept (1,024; called before subscribe returns), then live
  // ones. 0: all that are kept; events_live_only: none of them. Ids go on growing over restarts.
  // Returns a handle for unsubscribe, which may be called from within on_event.
  static constexpr std::uint64_t events_live_only = ~std::uint64_t{0};
  virtual std::uint64_t subscribe(std::uint64_t last_id, OnEvent on_event) = 0;
  virtual void unsubscribe(std::uint64_t handle) = 0;

  // One watcher; null: none. verification: what is known of a switch by now. The first that is
  // settled ends the waiting of calls with wait=verified.
  virtual void watch_flips(FlipWatcher* /*watcher*/) {}
  virtual void verification(const std::string& /*flip*/, const Verification& /*now*/) {}

  // For what others find out: a reload (event `reload`; text says what changed or what was wrong),
  // and alarms of theirs (`code` is raised once until it is cleared).
  virtual void reloaded(bool /*adopted*/, const std::string& /*text*/) {}
  virtual void raise_alarm(const std::string& /*code*/, const std::string& /*text*/) {}
  virtual void clear_alarm(const std::string& /*code*/) {}
};

}  // namespace switchback::release
