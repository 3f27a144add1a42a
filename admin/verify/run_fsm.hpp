// What a flip has proved, as a sans-IO rule over the facts of a moment.
//
//   verifying ──every check ok, identity matches, traffic or pairs good──▶ verified
//       │ ──traffic REGRESSED, pairs new_only, a check proved wrong──────▶ regressed
//       │ ──deadline: a check is answered wrongly ──▶ regressed; else ───▶ unverified
//       └ ──a newer flip ─────────────────────────────────────────────────▶ superseded
// All but `verifying` are final.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/verify/paired.hpp"
#include "admin/verify/verifier.hpp"

namespace switchback::verify {

enum class RunState : std::uint8_t { verifying, verified, unverified, regressed, superseded };
std::string_view to_string(RunState state);

struct RunFacts {
  bool deadline_passed = false;
  bool superseded = false;
  unsigned checks = 0, checks_ok = 0;  // by their rules
  bool proved_wrong = false;           // a check, again and again
  bool answered_wrongly = false;       // a check's newest answer
  Identity identity = Identity::unknown;
  bool identity_asked = false;
  bool traffic_planned = false;
  Value traffic = Value::inconclusive;
  bool paired_planned = false;
  PairedVerdict paired = PairedVerdict::unknown;
  bool paired_proven_good = false;  // the subject, in enough pairs
  unsigned required_hooks_open = 0;
  bool required_hook_failed = false;
};

struct RunVerdict {
  RunState state = RunState::verifying;
  std::string label;  // what it rests on, or what is missing
};

RunVerdict judge_run(const RunFacts& facts);

}  // namespace switchback::verify
