// `services.NAME.verify` compiled: what can be checked without a server is checked here, with the
// place in the configuration, and a probe is made ready for a release.
//
// ${release.version} and ${release.commit} are filled in when a probe is made for a color
// (`instantiate`), since both change with a flip. Threads: any; plain values.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/verify/expectation.hpp"
#include "config/model.hpp"

namespace switchback::verify {

struct PlanFault {
  std::string path;  // "services.shop.verify.probes[1].expect.body_regex"
  std::string message, hint;
  bool warning = false;
};
// What is wrong with every service's plan: for `check`, and for a start or reload, which refuse.
std::vector<PlanFault> plan_faults(const config::Config& config);

// A probe for one release: all texts are final.
struct ProbePlan {
  std::string name;
  std::string method, path, body;
  std::vector<config::NamedText> headers;  // X-Synthetic among them
  Expectation expect;
  std::uint64_t every_ms = 1000, timeout_ms = 2000;
  unsigned pass_needed = 1, pass_of = 1;
  bool identity = false;  // a JSON value must be the release's version
  std::string missing;    // not empty: cannot be asked, and why ("the release is not known")
};

struct Facts {
  std::string version, commit;
};
// Texts that do not compile become `missing`; plan_faults told them before.
std::vector<ProbePlan> instantiate(const config::Verify& plan, const Facts& facts);

// The text with ${release.version} and ${release.commit} filled in. `escaped`: for a pattern, so
// that "v1.2" does not match "v1x2". An unknown ${name}, or a fact that is not known: nullopt, with
// why in `fault`.
std::optional<std::string> fill_in(const std::string& text, const Facts& facts, bool escaped,
                                   std::string& fault);

// Short name of a plan for the ledger: equal plans have equal ones.
std::string plan_sha(const config::Verify& plan);

}  // namespace switchback::verify
