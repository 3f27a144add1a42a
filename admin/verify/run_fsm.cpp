#include "admin/verify/run_fsm.hpp"

namespace switchback::verify {
namespace {

// What is still missing for "verified"; "": nothing.
std::string missing(const RunFacts& f) {
  if (f.required_hook_failed) return "a required hook failed";
  if (f.required_hooks_open > 0) return "a required hook is still running";
  if (f.checks_ok < f.checks)
    return std::to_string(f.checks - f.checks_ok) + " of " + std::to_string(f.checks) +
           " checks have not passed";
  if (f.identity_asked && f.identity != Identity::matches) return "the identity is not confirmed";
  if (f.traffic_planned && f.traffic == Value::healthy) return "";
  if (f.traffic_planned && f.traffic != Value::inconclusive)
    return "traffic is " + std::string(to_string(f.traffic));
  if (f.paired_planned)
    return f.paired_proven_good ? "" : "too few good pairs of probes, and too little traffic";
  return f.traffic_planned ? "too little traffic to call it healthy" : "";
}

}  // namespace

std::string_view to_string(RunState state) {
  constexpr std::string_view names[] = {"verifying", "verified", "unverified", "regressed",
                                        "superseded"};
  return names[static_cast<std::size_t>(state)];
}

RunVerdict judge_run(const RunFacts& f) {
  if (f.superseded) return {RunState::superseded, "a newer flip took its place"};
  if (f.traffic_planned && f.traffic == Value::regressed)
    return {RunState::regressed, "traffic fails more than before"};
  if (f.paired_planned && f.paired == PairedVerdict::new_only)
    return {RunState::regressed, "paired probes fail on this color only"};
  if (f.proved_wrong) return {RunState::regressed, "a check is answered wrongly again and again"};
  auto why = missing(f);
  if (why.empty()) {
    const bool by_traffic = f.traffic_planned && f.traffic == Value::healthy;
    return {RunState::verified, by_traffic ? "probes and traffic" : "probes only"};
  }
  if (f.required_hook_failed) return {RunState::unverified, std::move(why)};
  if (!f.deadline_passed) return {RunState::verifying, std::move(why)};
  return {f.answered_wrongly ? RunState::regressed : RunState::unverified, std::move(why)};
}

}  // namespace switchback::verify
