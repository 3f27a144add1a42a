#include "admin/releases/judges.hpp"

#include "proxy/base/clock.hpp"
#include "tests/support/catch.hpp"

namespace switchback::releases {
namespace {

using release::FlipKind;
using release::Stance;

struct Asked {
  release::FlipRequest request;
  worker::ServiceView view;
  release::Opinion by(const release::Judge& judge, FlipKind kind) {
    view.service = "shop";
    return judge.opinion({request, view, Color::green, kind});
  }
};

TEST_CASE("a hold speaks against promotes and automatic rollbacks, in words of each") {
  HoldBook holds;
  const HoldJudge judge(holds);
  Asked asked;
  CHECK(asked.by(judge, FlipKind::promote).stance == Stance::fine);
  holds.place({.service = "shop", .placed_wall_us = wall_us(), .actor = "dana"});
  const auto promote = asked.by(judge, FlipKind::promote);
  CHECK(promote.stance == Stance::refuse);
  CHECK(promote.problem.code == "held");
  CHECK(promote.problem.title == "shop is held: nothing is promoted");
  CHECK(asked.by(judge, FlipKind::auto_rollback).problem.title ==
        "shop is held: nothing is rolled back by itself");
  asked.request.requalify = "it is good";  // of a release; a hold is lifted
  CHECK(asked.by(judge, FlipKind::promote).overridden.empty());
  CHECK(judge.is_asked_about(FlipKind::promote));
  CHECK(judge.is_asked_about(FlipKind::auto_rollback));
  CHECK_FALSE(judge.is_asked_about(FlipKind::rollback));
}

TEST_CASE("quarantine is overridden by the reason to requalify, and concerns promotes alone") {
  Registry registry([](const Change&) {});
  const QuarantineJudge judge(registry);
  CHECK(judge.is_asked_about(FlipKind::promote));
  CHECK_FALSE(judge.is_asked_about(FlipKind::auto_rollback));
  CHECK_FALSE(judge.is_asked_about(FlipKind::rollback));
  Asked asked;
  CHECK(asked.by(judge, FlipKind::promote).stance == Stance::fine);
  Release release;
  release.service = "shop";
  release.version = "v1.3";
  release.state = State::rolled_back;
  release.color = Color::green;
  registry.restore(to_row(release));
  const auto refused = asked.by(judge, FlipKind::promote);
  CHECK(refused.stance == Stance::refuse);
  CHECK(refused.problem.code == "release_quarantined");
  CHECK(refused.overridden.empty());
  asked.request.requalify = "mended";
  CHECK(asked.by(judge, FlipKind::promote).overridden == "mended");
}

}  // namespace
}  // namespace switchback::releases
