// What switchback does by itself gets entries of the audit chain; what people do has them already.
#include "admin/api/own_deeds.hpp"

#include <boost/json/parse.hpp>

#include "tests/support/catch.hpp"

namespace switchback {
namespace {

using events::FlipKind;
using events::FlipStep;
using events::ReleaseState;

std::optional<ledger::AuditEntry> deed(events::Body body) {
  return api::own_deed({7, std::move(body), 3}, 5);
}

std::optional<ledger::AuditEntry> flip(FlipStep step, FlipKind kind, const std::string& actor) {
  events::Receipt receipt;
  receipt.service = "shop";
  receipt.flip = "01J";
  receipt.kind = kind;
  receipt.reason = "automatic: worse";
  receipt.actor = actor;
  receipt.moved = true;
  return deed(events::FlipStepped{step, receipt});
}

std::optional<ledger::AuditEntry> release(ReleaseState from, ReleaseState to) {
  events::Release release;
  release.version = "v1.3";
  release.state = to;
  return deed(events::ReleaseMoved{release, from, ""});
}

std::optional<ledger::AuditEntry> refused(const std::string& actor, bool automatic) {
  return deed(events::FlipRefused{.code = "held", .actor = actor, .automatic = automatic});
}

std::optional<ledger::AuditEntry> hold(events::HoldStep step) {
  return deed(events::HoldChanged{step, {.service = "shop", .actor = "token li"}});
}

std::optional<ledger::AuditEntry> bake(events::BakeStep step) {
  return deed(events::BakeStepped{.step = step, .service = "shop", .text = "x"});
}

TEST_CASE("automatic rollbacks, quarantine, requalification and ended holds are entries") {
  const auto back = flip(FlipStep::switched, FlipKind::auto_rollback, "switchback (bake)");
  REQUIRE(back);
  CHECK(back->action == "rollback.auto");
  CHECK(back->actor == "switchback");
  CHECK(back->auth == "internal");
  CHECK(back->wall_us == 5);
  const auto body = boost::json::parse(back->body).as_object();
  CHECK(body.at("service") == "shop");
  CHECK(body.at("reason") == "automatic: worse");
  CHECK_FALSE(body.contains("counts"));
  CHECK_FALSE(body.contains("whose"));
  const auto no = refused("switchback (bake)", true);
  CHECK(no->action == "rollback.auto");
  CHECK(boost::json::parse(no->body).at("result") == "refused");
  CHECK(release(ReleaseState::active, ReleaseState::rolled_back)->action == "release.quarantined");
  CHECK(release(ReleaseState::rolled_back, ReleaseState::staged)->action == "release.requalified");
  CHECK(release(ReleaseState::rolled_back, ReleaseState::active)->action == "release.requalified");
  CHECK(release(ReleaseState::standby_fit, ReleaseState::lost)->action == "release.lost");
  const auto ended = hold(events::HoldStep::ended);
  CHECK(ended->action == "hold.ended");
  CHECK(boost::json::parse(ended->body).at("whose") == "token li");
  CHECK(flip(FlipStep::resumed, FlipKind::rollback, "dana")->action == "flip.recovered");
  CHECK(bake(events::BakeStep::would_go_back)->action == "bake.advised");
}

TEST_CASE("what people do, and what merely happens, is none") {
  CHECK_FALSE(flip(FlipStep::drained, FlipKind::auto_rollback, "switchback (bake)"));
  CHECK_FALSE(hold(events::HoldStep::placed));
  CHECK_FALSE(hold(events::HoldStep::lifted));
  CHECK_FALSE(release(ReleaseState::registered, ReleaseState::staged));
  CHECK_FALSE(bake(events::BakeStep::begun));
  CHECK_FALSE(bake(events::BakeStep::over));
  CHECK_FALSE(deed(events::HealthChanged{}));
  CHECK_FALSE(deed(events::AlarmRaised{}));
  CHECK_FALSE(deed(events::Reloaded{}));
  CHECK_FALSE(flip(FlipStep::switched, FlipKind::rollback, "token li"));
  CHECK_FALSE(refused("token li", false));
  CHECK_FALSE(refused("switchback (li)", false));  // a person may be called so
  CHECK_FALSE(release(ReleaseState::rolled_back, ReleaseState::rolled_back));
}

}  // namespace
}  // namespace switchback
