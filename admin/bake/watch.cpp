#include "admin/bake/watch.hpp"

#include <array>

namespace switchback::bake {
namespace {

constexpr std::array<std::string_view, 6> outcome_words = {"watching", "clean", "warned",
                                                           "advised",  "fired", "interrupted"};

}  // namespace

std::string_view to_string(Outcome outcome) {
  return outcome_words[static_cast<std::size_t>(outcome)];
}

std::optional<Outcome> outcome_from(std::string_view text) {
  for (std::size_t i = 0; i < outcome_words.size(); ++i) {
    if (outcome_words[i] == text) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}

void Watch::end(const Situation& now, std::vector<Step>& steps) {
  over_ = true;
  const bool promoted = watched_.kind == release::FlipKind::promote;
  // Proved bad, and a guard spoke against going back: that was for a person to weigh.
  if (would_wall_us_ != 0 || (promoted && regressed_wall_us_ != 0)) {
    outcome_ = Outcome::advised;
  } else if (!now.subject_has_traffic || !judged_) {
    outcome_ = Outcome::interrupted;
  } else {
    outcome_ = warned_wall_us_ != 0 ? Outcome::warned : Outcome::clean;
  }
  steps.push_back(Step::over);
}

void Watch::regressed(const Situation& now, std::vector<Step>& steps) {
  if (regressed_wall_us_ == 0) regressed_wall_us_ = now.now_wall_us;
  if (watched_.kind == release::FlipKind::auto_rollback) {
    if (!paged_) steps.push_back(Step::page);
    paged_ = true;
    return;
  }
  const bool would = would_go_back(guards_);
  const bool first = would && !advised_;
  if (would && would_wall_us_ == 0) would_wall_us_ = now.now_wall_us;
  if (goes_back(guards_) && tried_ < tries_) {
    going_back_ = advised_ = true;
    ++tried_;
    steps.push_back(Step::go_back);
    return;
  }
  if (first) steps.push_back(Step::advise);
  advised_ = advised_ || would;
  if (would) return;
  const std::string why = objections(guards_);
  if (why != objection_) steps.push_back(Step::blocked);
  objection_ = why;
}

std::vector<Step> Watch::second(const Situation& now) {
  std::vector<Step> steps;
  if (over() || going_back_) return steps;
  guards_ = judge(now);
  judged_ = judged_ || now.verdict.planned;
  if (!now.window_open || !now.subject_has_traffic) {
    end(now, steps);
    return steps;
  }
  if (now.verdict.warned && warned_wall_us_ == 0) {
    warned_wall_us_ = now.now_wall_us;
    steps.push_back(Step::warn);
  }
  if (now.verdict.value == verify::Value::regressed) regressed(now, steps);
  return steps;
}

void Watch::remember(std::int64_t warned_us, std::int64_t regressed_us, std::int64_t would_us) {
  const auto earlier = [](std::int64_t& known, std::int64_t told) {
    if (told != 0 && (known == 0 || told < known)) known = told;
  };
  earlier(warned_wall_us_, warned_us);
  earlier(regressed_wall_us_, regressed_us);
  earlier(would_wall_us_, would_us);
}

std::vector<Step> Watch::went_back(bool moved, const std::string& why) {
  going_back_ = false;
  if (moved) {
    over_ = true;
    outcome_ = Outcome::fired;
    return {Step::over};
  }
  objection_ = why;
  return {Step::blocked};
}

}  // namespace switchback::bake
