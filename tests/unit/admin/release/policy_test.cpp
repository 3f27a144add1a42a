// A list of judges: who is asked about what, who may refuse, what overrides a refusal.
#include "admin/release/policy.hpp"

#include "tests/support/catch.hpp"

namespace switchback::release {
namespace {

struct Says : Judge {
  Says(std::string_view n, Opinion o) : named(n), given(std::move(o)) {}
  std::string_view name() const override { return named; }
  bool is_asked_about(FlipKind kind) const override { return all || Judge::is_asked_about(kind); }
  Opinion opinion(const Question&) const override {
    ++asked;
    return given;
  }
  std::string_view named;
  Opinion given;
  bool all = false;
  mutable unsigned asked = 0;
};

struct Nobody : Policy {
  void name_releases(worker::ServiceView&) const override {}
  std::optional<Problem> explain_target(const worker::ServiceView&,
                                        const std::string&) const override {
    return std::nullopt;
  }
  void moved(const Receipt&) override {}
};

Opinion refuses(const std::string& code, const std::string& overridden = "") {
  Problem problem;
  problem.code = code;
  problem.title = "shop is " + code;
  return {Stance::refuse, "was " + code, problem, overridden};
}

Ruling rule(const Policy& policy, FlipKind kind) {
  const FlipRequest request;
  const worker::ServiceView view;
  return policy.rule({request, view, Color::green, kind});
}

TEST_CASE("judges are asked in their order; the first that refuses is the answer") {
  Nobody policy;
  CHECK_FALSE(rule(policy, FlipKind::promote).refusal);
  const Says warns("gate", {.stance = Stance::warn, .warning = "the schema is new"});
  const Says hold("hold", refuses("held")), late("quarantine", refuses("release_quarantined"));
  policy.admit(warns);
  policy.admit(hold);
  policy.admit(late);
  const auto ruling = rule(policy, FlipKind::promote);
  REQUIRE(ruling.refusal);
  CHECK(ruling.refusal->code == "held");
  CHECK(ruling.warnings == std::vector<std::string>{"the schema is new"});
  CHECK(late.asked == 0);
  policy.dismiss(hold);
  CHECK(rule(policy, FlipKind::auto_rollback).refusal->code == "release_quarantined");
  policy.dismiss(late);
  CHECK_FALSE(rule(policy, FlipKind::promote).refusal);
}

TEST_CASE("a reason overrides a refusal, which is said if it has words for it") {
  Nobody policy;
  const Says mended("quarantine", refuses("release_quarantined", "it is mended"));
  policy.admit(mended);
  const auto ruling = rule(policy, FlipKind::promote);
  CHECK_FALSE(ruling.refusal);
  CHECK(ruling.warnings == std::vector<std::string>{"was release_quarantined"});
}

TEST_CASE("a manual rollback is not asked about, and at most warned") {
  Nobody policy;
  Says hold("hold", refuses("held"));
  policy.admit(hold);
  CHECK_FALSE(rule(policy, FlipKind::rollback).refusal);
  CHECK(hold.asked == 0);
  hold.all = true;
  const auto ruling = rule(policy, FlipKind::rollback);
  CHECK_FALSE(ruling.refusal);
  CHECK(ruling.warnings ==
        std::vector<std::string>{"hold: shop is held; a rollback by hand goes ahead all the same"});
}

}  // namespace
}  // namespace switchback::release
