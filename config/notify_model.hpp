// `notify` as plain data: who is told what happens, and how. Files stand as named; they are read at
// each delivery (admin/notify), so that a secret that was exchanged counts without a reload.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace switchback::config {

enum class NotifyKind : std::uint8_t {
  flip,       // traffic was moved forward
  rollback,   // traffic was moved back, by a person or by itself
  verified,   // how the proof of a switch ended
  regressed,  // a release is worse than what it replaced; standing
  alarm,      // any other alarm; standing
  readiness,  // no way back that works; standing
  hold,       // placed, lifted, ended
  refused,    // a flip or rollback was refused
  bake,       // a watch began, warned, ended
  release,    // a release changed its state
  pause,      // the door was closed or opened
  health,     // a server is down or up; standing
  rehearsal,  // a null flip failed
  reload,     // the configuration was read again
  anchor,     // the head of the audit chain, every hour
  test,       // `switchback notify test`; always sent
};

enum class NotifyFormat : std::uint8_t { slack, json };

struct NotifyTarget {
  std::string name;
  std::string webhook;            // http:// or https://; exactly one of webhook, webhook_file, exec
  std::string webhook_file;       // whose first line is the URL
  std::vector<std::string> exec;  // the message on stdin
  NotifyFormat format = NotifyFormat::json;
  std::vector<NotifyKind> on = {NotifyKind::flip,      NotifyKind::rollback, NotifyKind::verified,
                                NotifyKind::regressed, NotifyKind::alarm,    NotifyKind::readiness,
                                NotifyKind::hold};
  std::vector<std::string> services;        // empty: all
  bool resolved = true;                     // also tell when what stood is over
  std::string ca;                           // PEM file; empty: the system's certificate store
  std::string headers_file;                 // lines "Name: value"
  std::string secret_file;                  // of signatures
  std::chrono::milliseconds timeout{5000};  // of one attempt
  unsigned retries = 5;                     // attempts after the first
  std::chrono::milliseconds repeat{std::chrono::hours(4)};  // of what still stands; 0: never
  unsigned per_minute = 30;
  unsigned queue = 100;  // messages that wait; the oldest goes
  friend bool operator==(const NotifyTarget&, const NotifyTarget&) = default;
};

}  // namespace switchback::config
