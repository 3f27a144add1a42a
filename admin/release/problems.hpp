// Every refusal of the controller, in one place: status, code, what it means, whether traffic moved
// (never, for these) and what to type next. Exit codes: docs/rollback-semantics.md.
#pragma once

#include <string>

#include "admin/release/controller.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::release::problems {

// `moved` false, as in everything that is refused before a switch.
Problem make(unsigned status, const char* code, std::string title, std::string detail,
             std::string next, int exit_code);

Problem unknown_service(const std::string& service);
Problem missing_to(const worker::ServiceView& view);
Problem unknown_target(const worker::ServiceView& view, const std::string& to);
Problem stale_epoch(const worker::ServiceView& view, std::uint64_t expected);
Problem standby_unfit(const worker::ServiceView& view, Color to, const std::string& why,
                      bool rollback);
Problem nothing_to_roll_back_to(const worker::ServiceView& view);
Problem not_durable(const worker::ServiceView& view, const std::string& why);
Problem preempted(const std::string& service);
Problem busy(const std::string& service);
Problem key_reused(const std::string& key);
Problem bad_pause(const std::string& service);

}  // namespace switchback::release::problems
