// Sending a flip or a rollback so that it happens at most once, however often the answer is lost.
//
// Every attempt of one command carries the same Idempotency-Key: a server that has done it answers
// with what it did. A server that was restarted meanwhile has forgotten the key, but not the epoch:
// the If-Match of the first attempt then refuses (412), and a look at the service says what
// happened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "admin/cli/session.hpp"

namespace switchback::cli {

// A flip without --to this soon after a promotion is taken for the same command typed twice: it
// means the same side again, never the way back. Going back is what `rollback` is for.
inline constexpr std::int64_t repeat_window_ms = 10'000;

// The side that `flip` without --to means: the other one, save within repeat_window_ms.
std::string default_flip_target(const boost::json::object& service, std::int64_t now_ms);

struct SwitchCall {
  std::string service;
  std::string path;  // below the service: "flips" or "rollback"
  std::string body;  // JSON
  std::string to;    // "blue", "green", a release, or "" (rollback)
  std::string idempotency_key;
  std::optional<std::uint64_t> if_match;
  std::string stays;  // "BLUE v1.2", for refusals; may be empty
  std::string again;  // the command to type when the answer stays lost
};

struct Switched {
  boost::json::object receipt;
  bool target_reached_by_other = false;  // 412, but the wanted side is active: nothing left to do
};

// Throws CommandFailed for refusals and for answers that stay lost (exit 5).
Switched send_switch(Session& session, const SwitchCall& call);

std::string new_idempotency_key();  // 32 hex digits

}  // namespace switchback::cli
