// The one place that decides and orders a switch: promote, rollback, pause, resume; receipts and
// history. What happens is told to admin/events. Lives on the control thread's io_context; every
// public method is called there, every callback is called there.
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

#include "admin/events/receipt.hpp"
#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"

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

// What rooms pass on to each other of a switch (admin/events/receipt.hpp).
using events::CheckLine;
using events::FlipKind;
using events::FlipState;
using events::Receipt;
using events::Stages;
using events::to_string;
using events::Verification;

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

  // Who speaks for names, holds and quarantine; nullptr: nobody. Outlives its time here.
  virtual void set_policy(Policy* policy) = 0;
  // Puts the releases that were staged in the place of those that the configuration names.
  virtual void name_releases(worker::ServiceView& view) const = 0;
  // The whole way of a rollback but for the switch itself; a real switch of the service drops it.
  // `done` is called once, at the latest when the controller ends.
  virtual void rehearse(const std::string& service, Nanos begun_ns, OnRehearsal done) = 0;

  // One watcher; null: none. verification: what is known of a switch by now. The first that is
  // settled ends the waiting of calls with wait=verified.
  virtual void watch_flips(FlipWatcher* watcher) = 0;
  virtual void verification(const std::string& flip, const Verification& now) = 0;

  // A reload has ended (event `reload`): `text` says what changed or what was wrong.
  virtual void reloaded(bool adopted, const std::string& text) = 0;
};

}  // namespace switchback::release
