#include "admin/release/policy.hpp"

namespace switchback::release {

Ruling Policy::rule(const Question& question) const {
  Ruling ruling;
  for (const Judge* judge : judges_) {
    if (!judge->is_asked_about(question.kind)) continue;
    auto opinion = judge->opinion(question);
    if (opinion.stance == Stance::fine) continue;
    const bool refuses = opinion.stance == Stance::refuse && opinion.overridden.empty();
    // The way back is never barred by an opinion: a person who rolls back is only told.
    if (refuses && question.kind == FlipKind::rollback) {
      ruling.warnings.push_back(std::string(judge->name()) + ": " + opinion.problem.title +
                                "; a rollback by hand goes ahead all the same");
      continue;
    }
    if (refuses) {
      ruling.refusal = std::move(opinion.problem);
      return ruling;
    }
    if (!opinion.warning.empty()) ruling.warnings.push_back(std::move(opinion.warning));
  }
  return ruling;
}

}  // namespace switchback::release
