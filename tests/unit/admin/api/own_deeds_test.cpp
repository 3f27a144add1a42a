// What switchback does by itself gets entries of the audit chain; what people do has them already.
#include "admin/api/own_deeds.hpp"

#include <boost/json/parse.hpp>

#include "tests/support/catch.hpp"

namespace switchback {
namespace {

std::optional<ledger::AuditEntry> deed(const char* type, const char* body) {
  return api::own_deed({7, type, body}, 5);
}

TEST_CASE("automatic rollbacks, quarantine, requalification and ended holds are entries") {
  const auto back = deed("flip.switched", R"json({"kind":"auto_rollback","service":"shop",
      "flip":"01J","reason":"automatic: worse","actor":"switchback (bake)","moved":true,
      "counts":{"a":1}})json");
  REQUIRE(back);
  CHECK(back->action == "rollback.auto");
  CHECK(back->actor == "switchback");
  CHECK(back->auth == "internal");
  CHECK(back->wall_us == 5);
  const auto body = boost::json::parse(back->body).as_object();
  CHECK(body.at("service") == "shop");
  CHECK(body.at("reason") == "automatic: worse");
  CHECK_FALSE(body.contains("counts"));
  const auto refused =
      deed("flip.refused", R"json({"actor":"switchback (bake)","code":"held"})json");
  CHECK(refused->action == "rollback.auto");
  CHECK(deed("release.rolled_back", R"({"from_state":"active","version":"v1.3"})")->action ==
        "release.quarantined");
  CHECK(deed("release.staged", R"({"from_state":"rolled_back"})")->action == "release.requalified");
  CHECK(deed("release.active", R"({"from_state":"rolled_back"})")->action == "release.requalified");
  CHECK(deed("release.lost", R"({"from_state":"standby_fit"})")->action == "release.lost");
  const auto hold = deed("hold.ended", R"({"actor":"token li","service":"shop"})");
  CHECK(hold->action == "hold.ended");
  CHECK(boost::json::parse(hold->body).at("whose") == "token li");
  CHECK(deed("flip.resumed", R"({"kind":"rollback"})")->action == "flip.recovered");
  CHECK(deed("bake.would_go_back", R"({"text":"x"})")->action == "bake.advised");
}

TEST_CASE("what people do, and what merely happens, is none") {
  for (const char* type : {"flip.drained", "hold.placed", "hold.lifted", "release.staged",
                           "bake.begun", "bake.over", "health", "alarm", "reload"}) {
    INFO(type);
    CHECK_FALSE(deed(type, R"({"kind":"auto_rollback","from_state":"registered"})"));
  }
  CHECK_FALSE(deed("flip.switched", R"({"kind":"rollback","actor":"token li"})"));
  CHECK_FALSE(deed("flip.refused", R"({"actor":"token li"})"));
  CHECK_FALSE(deed("release.rolled_back", R"({"from_state":"rolled_back"})"));
  CHECK_FALSE(deed("flip.switched", "no json"));
}

}  // namespace
}  // namespace switchback
