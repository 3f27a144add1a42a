#include "admin/verify/paired.hpp"

#include <algorithm>
#include <cmath>

namespace switchback::verify {

namespace {
constexpr std::array<double, 4> alternatives = {0.6, 0.75, 0.9, 0.99};

// One pair in a hundred in which both fail is let pass; a pair is a "second" of its own, and with
// at most a few pairs a second the guard asks for three of them.
StreamRule shared_rule() {
  StreamRule rule;
  rule.floor = 0.01;
  rule.alpha = 1e-2;
  rule.min_bad = 3;
  return rule;
}
}  // namespace

std::string_view to_string(PairedVerdict verdict) {
  switch (verdict) {
    case PairedVerdict::unknown:
      return "unknown";
    case PairedVerdict::equal_good:
      return "equal_good";
    case PairedVerdict::new_only:
      return "new_only";
    case PairedVerdict::old_only:
      return "old_only";
    case PairedVerdict::shared:
      return "shared";
  }
  return "unknown";
}

// The baseline of the shared test is a color that never failed: its floor is what counts.
PairedProbes::PairedProbes(double alpha)
    : log_threshold_(-std::log(alpha)), shared_(shared_rule(), Counts{1'000'000, 0}) {}

double PairedProbes::capital(std::uint64_t against, std::uint64_t in_favour) {
  std::array<double, alternatives.size()> logs{};
  for (std::size_t i = 0; i < logs.size(); ++i) {
    logs[i] = static_cast<double>(against) * std::log(2 * alternatives[i]) +
              static_cast<double>(in_favour) * std::log(2 * (1 - alternatives[i]));
  }
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (const double value : logs) sum += std::exp(value - most);
  return most + std::log(sum / static_cast<double>(logs.size()));
}

void PairedProbes::pair(bool new_good, bool old_good) {
  ++pairs_;
  if (new_good && old_good) ++both_good_;
  if (!new_good && !old_good) ++both_bad_;
  if (!new_good && old_good) ++only_new_bad_;
  if (new_good && !old_good) ++only_old_bad_;
  new_good_in_a_row_ = new_good ? new_good_in_a_row_ + 1 : 0;
  both_good_in_a_row_ = new_good && old_good ? both_good_in_a_row_ + 1 : 0;
  shared_.second({1, !new_good && !old_good ? 1u : 0u});
}

PairedVerdict PairedProbes::verdict() const {
  if (log_new_only() >= log_threshold_) return PairedVerdict::new_only;
  if (log_old_only() >= log_threshold_) return PairedVerdict::old_only;
  // An outage that is over: both have been good for a while.
  if (both_good_in_a_row_ >= enough) return PairedVerdict::equal_good;
  if (shared_.regressed()) return PairedVerdict::shared;
  return PairedVerdict::unknown;
}

}  // namespace switchback::verify
