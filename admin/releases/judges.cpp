#include "admin/releases/judges.hpp"

#include "admin/releases/problems.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::releases {

using release::Opinion;
using release::Stance;

Opinion HoldJudge::opinion(const release::Question& question) const {
  const auto* hold = holds_.standing(question.view.service, wall_us());
  if (hold == nullptr) return {};
  return {.stance = Stance::refuse, .problem = problems::held(*hold, question.kind)};
}

Opinion QuarantineJudge::opinion(const release::Question& question) const {
  const auto* there = registry_.on(question.view.service, question.to);
  if (there == nullptr || there->state != State::rolled_back) return {};
  return {.stance = Stance::refuse,
          .problem = problems::quarantined(*there, question.to),
          .overridden = question.request.requalify};
}

}  // namespace switchback::releases
