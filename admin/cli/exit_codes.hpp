// Exit codes of every command that asks an admin plane for something. Their ranges tell a script
// whether traffic moved: below 10 it did not (5: unknown until asked again), 10..29 it did not,
// 30..39 it did, but something about it wants a look.
#pragma once

#include <boost/json/object.hpp>

namespace switchback::cli {

inline constexpr int exit_done = 0;         // done, or already so
inline constexpr int exit_usage = 2;        // wrong arguments, or a faulty configuration
inline constexpr int exit_unreachable = 3;  // the admin plane was never reached
inline constexpr int exit_unauthorised = 4;
inline constexpr int exit_answer_lost = 5;  // sent, and the answer was lost; repeating is safe
inline constexpr int exit_expectation_failed = 10;  // and every refusal without a number of its own
inline constexpr int exit_gate_unsafe = 20;
inline constexpr int exit_standby_unfit = 21;
inline constexpr int exit_nothing_to_roll_back_to = 22;
inline constexpr int exit_verification_failed = 30;
inline constexpr int exit_unverified = 31;
inline constexpr int exit_not_persisted = 33;
inline constexpr int exit_switching = 34;  // moved, with workers that have not passed the barrier

// Of `readiness`.
inline constexpr int exit_not_ready = 40;
inline constexpr int exit_degraded = 41;  // ready, with a warning

// The exit code of a refusal (problem+json as the API sends it).
int exit_code_of_problem(unsigned http_status, const boost::json::object& problem);

// The exit code of a receipt.
int exit_code_of_receipt(const boost::json::object& receipt);

}  // namespace switchback::cli
