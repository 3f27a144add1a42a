#include "admin/metrics/verification.hpp"

namespace switchback::metrics {

void verification_metrics(Exposition& out, const worker::DataPlane& plane,
                          const verify::Verifier& verifier) {
  using verify::Value;
  struct Known {
    std::string service;
    verify::Standing standing;
    verify::ServiceVerdict verdict;
  };
  std::vector<Known> all;
  for (const auto& name : plane.services()) {
    Known known{name, verifier.standing(name), verifier.verdict(name)};
    if (known.standing.planned) all.push_back(std::move(known));
  }
  out.family("switchback_verification_checks", "gauge", "Checks of the standby, by result.");
  for (const auto& k : all) {
    out.sample({{"service", k.service}, {"result", "passed"}}, std::uint64_t{k.standing.passed});
    out.sample({{"service", k.service}, {"result", "failed"}},
               std::uint64_t{k.standing.total - k.standing.passed});
  }
  out.family("switchback_verification_age_seconds", "gauge",
             "Age of the newest round of checks of the standby.");
  for (const auto& k : all) {
    if (k.standing.at_ns == 0) continue;
    out.sample({{"service", k.service}},
               static_cast<double>(monotonic_ns() - k.standing.at_ns) / 1e9);
  }
  out.family("switchback_verdict", "gauge", "What the watched release is judged to be: 1 is it.");
  for (const auto& k : all) {
    if (!k.verdict.watching) continue;
    for (const auto value :
         {Value::healthy, Value::regressed, Value::degraded, Value::shared, Value::inconclusive}) {
      out.sample({{"service", k.service}, {"verdict", verify::to_string(value)}},
                 std::uint64_t{k.verdict.value == value});
    }
  }
  out.family("switchback_verdict_log10_e", "gauge",
             "Evidence against the watched release, by stream; 2 is a warning.");
  for (const auto& k : all) {
    if (!k.verdict.watching) continue;
    for (const auto& stream : k.verdict.streams)
      out.sample({{"service", k.service}, {"stream", stream.name}}, stream.log10_e);
  }
}

}  // namespace switchback::metrics
