// What has happened: one type for each kind of event of the stream, and the event that carries it.
//
// Rooms make and read these types; only what leaves the process (the SSE stream, webhooks, the
// program's log) asks for the JSON, which is made once for all of them. A new kind of event is one
// more type here, its name and its members in event_json.cpp, and its words in admin/notify.
// Ownership: an event shares its body, which never changes; copies are cheap.
// Threads: the control thread.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/events/receipt.hpp"
#include "admin/events/release.hpp"
#include "proxy/base/color.hpp"

namespace switchback::events {

// "flip.…": a step of a switch, with its receipt as it was then.
enum class FlipStep : std::uint8_t {
  started,
  first_new,
  last_old,
  switched,
  drained,
  verified,
  unverified,
  regressed,
  superseded,
  resumed,  // these three: an earlier life of the process died during it
  recovered,
  failed_before_switch
};
struct FlipStepped {
  FlipStep step = FlipStep::started;
  Receipt receipt;
};
struct FlipRefused {  // "flip.refused"
  std::string service;
  FlipKind kind = FlipKind::promote;
  std::string code, title, detail;
  bool moved = false;
  std::string actor;
  bool automatic = false;  // no person asked for it
};

struct Paused {  // "paused": requests wait at the door
  std::string service;
  std::int64_t max_ms = 0;
  std::string actor, auth;
};
struct Resumed {  // "resumed"
  std::string service, actor, auth;
  std::uint64_t waited = 0;
};
struct Reloaded {  // "reload"
  bool adopted = false;
  std::string text;  // what changed, or what was wrong
};

struct AlarmRaised {  // "alarm"
  std::string code;   // "ledger_unwritable", "regressed:shop"
  std::string text;
  std::int64_t since_wall_us = 0;
};
struct AlarmCleared {  // "alarm.cleared"
  std::string code;
};

struct HealthChanged {  // "health"
  std::string service;
  Color color = Color::blue;
  std::string server, from, to, reason;
  bool healthy = false;  // now
};
struct PanicChanged {  // "panic": whether servers that fail their checks are used, for want of
                       // others
  std::string service;
  Color color = Color::blue;
  bool panic = false;
  std::uint64_t usable = 0, failing = 0, servers = 0;
};
struct ServerEjected {  // "ejection"
  std::string service;
  Color color = Color::blue;
  std::string server;
  std::uint64_t failures = 0;
  std::string last;
  std::int64_t for_ms = 0;
};

// "release.registered", or "release." and the state it came to.
struct ReleaseMoved {
  Release release;
  std::optional<ReleaseState> from;  // nullopt: it was registered just now
  std::string why;
};
struct ReleaseAsked {  // "release.change": what somebody asked for was done
  std::string service, version, action, actor, auth;
  std::vector<std::string> warnings;
};
enum class HoldStep : std::uint8_t { placed, lifted, ended };
struct HoldChanged {  // "hold.…"
  HoldStep step = HoldStep::placed;
  Hold hold;
};

enum class BakeStep : std::uint8_t {
  begun,
  warned,
  would_go_back,
  goes_back,
  blocked,
  target_bad,
  over
};
struct BakeStepped {  // "bake.…"
  BakeStep step = BakeStep::begun;
  std::string service, flip, release;
  Color color = Color::blue;
  std::string text;
};
struct VerdictReached {  // "verdict": what verification says of the traffic
  std::string service;
  boost::json::object evidence;  // as admin/verify shows it
};
struct ReadinessChanged {  // "readiness"
  std::string service;
  bool ready = false;
  std::string overall;           // "NOT READY", …
  std::string question, reason;  // which of the five fails, and why
};
struct RehearsalFailed {  // "null_flip.failed"
  std::string service, fault;
};
struct AuditAnchored {  // "audit.anchor"
  std::uint64_t seq = 0;
  std::string hash;
};

using Body = std::variant<FlipStepped, FlipRefused, Paused, Resumed, Reloaded, AlarmRaised,
                          AlarmCleared, HealthChanged, PanicChanged, ServerEjected, ReleaseMoved,
                          ReleaseAsked, HoldChanged, BakeStepped, VerdictReached, ReadinessChanged,
                          RehearsalFailed, AuditAnchored>;

class Event {
 public:
  // Ids grow by one (stream.hpp).
  Event(std::uint64_t id, Body body, std::int64_t wall_us);

  std::uint64_t id() const { return id_; }
  const Body& body() const { return shared_->body; }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&shared_->body);
  }
  std::int64_t wall_us() const { return shared_->wall_us; }
  std::string type() const;         // "flip.switched", "health", "alarm", …
  const std::string& json() const;  // one line; made at the first call, for all copies

 private:
  struct Shared {
    Body body;
    std::int64_t wall_us = 0;
    std::string json;
  };
  std::uint64_t id_;
  std::shared_ptr<Shared> shared_;
};

// The service that it concerns; "": none alone.
std::string service_of(const Event& event);
// When it happened, as its JSON says it, RFC 3339; "" where that has no "at".
std::string time_of(const Event& event);
// The members of its JSON.
boost::json::object event_object(const Event& event);

std::string_view to_string(FlipStep step);
std::string_view to_string(HoldStep step);
std::string_view to_string(BakeStep step);
// Of a verification that is settled: "verified", "unverified", "regressed", "superseded".
std::optional<FlipStep> flip_step_from(std::string_view text);

}  // namespace switchback::events
