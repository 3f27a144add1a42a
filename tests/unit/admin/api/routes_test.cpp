// Every route, by every way in and with every role: who is let in, who is told what, and that no
// change, done or refused, is missing in the audit. The table of routes is walked, so that a route
// that is added later is walked too.
#include <algorithm>

#include "admin/api/routes.hpp"
#include "admin/ledger/ledger.hpp"
#include "admin/people/people.hpp"
#include "tests/unit/admin/api/api_fixture.hpp"

namespace switchback {
namespace {

using api::Gate;
using api::Route;
using config::Role;
using test::ApiFixture;

// Somebody who asks: over TCP with the text of a token, or over the unix socket as this uid.
struct Asker {
  std::string name;
  std::optional<Role> role;  // nullopt: nobody
  bool tcp = true;
  std::string token;
  bool elsewhere = false;  // the token is for another service
};

std::string path_of(const Route& route) {
  std::string path(route.pattern);
  for (const auto& [name, value] : {std::pair{"{s}", "shop"}, {"{v}", "v9"}, {"{id}", "nobody"}}) {
    const auto place = path.find(name);
    if (place != std::string::npos) path.replace(place, std::string(name).size(), value);
  }
  return path;
}

unsigned ask(ApiFixture& f, const Route& route, const Asker& who) {
  web::ClientRequest request{.method = std::string(route.method), .target = path_of(route)};
  if (!who.token.empty()) request.fields.emplace_back("Authorization", "Bearer " + who.token);
  return f.call(request, who.tcp).status;
}

// 0: let in, whatever the call then says.
unsigned refused_with(const Route& route, const Asker& who) {
  if (route.gate == Gate::open) return 0;
  if (!who.role) return route.gate == Gate::metrics ? 0 : 401;  // metrics: this machine may
  if (*who.role < route.role) return 403;
  const bool of_service = route.pattern.find("{s}") != std::string_view::npos;
  const bool change = route.method != "GET";
  return who.elsewhere && (of_service || change) ? 403 : 0;
}

struct World {
  explicit World() {
    for (const auto& [name, role] : {std::pair{"reader", Role::read},
                                     {"hand", Role::operate},
                                     {"ci", Role::deploy},
                                     {"boss", Role::admin}}) {
      const auto made = people::make_token(name);
      admin.tokens.push_back({name, role, made.sha256});
      askers.push_back({name, role, true, made.text});
    }
    const auto other = people::make_token("elsewhere");
    admin.tokens.push_back({"elsewhere", Role::admin, other.sha256});
    admin.tokens.back().services = {"another"};
    askers.push_back({"elsewhere", Role::admin, true, other.text, true});
    askers.push_back({"nobody", std::nullopt, true, ""});
    askers.push_back({"this uid", Role::admin, false, ""});
  }
  config::Admin admin;
  std::vector<Asker> askers;
};

bool streams(const Route& route) {
  return route.operation == api::Operation::events;
}

TEST_CASE("every route lets in whom it should, by every way, and nobody else") {
  World world;
  ApiFixture f(world.admin);
  for (const Route& route : api::routes()) {
    if (streams(route)) continue;  // never ends; its gate is that of the others
    for (const Asker& who : world.askers) {
      INFO(route.method << " " << route.pattern << " by " << who.name);
      const unsigned expected = refused_with(route, who), status = ask(f, route, who);
      if (expected != 0) {
        CHECK(status == expected);
      } else {
        CHECK(status != 401);
        CHECK(status != 403);
      }
    }
  }
  // What was refused reached nobody: two askers may roll back here, and one may flip as well.
  CHECK(f.controller.rollbacks.size() == 4);
}

TEST_CASE("every changing call is in the audit, done or refused, under its own name") {
  World world;
  test::TempDir dir;
  auto ledger = ledger::Ledger::open({.path = (dir / "ledger.db")});
  people::People people(world.admin, ledger.get());
  std::size_t calls = 0;
  {
    ApiFixture f(world.admin, &people);
    for (const Route& route : api::routes()) {
      if (route.method == "GET") continue;
      for (const Asker& who : world.askers) {
        INFO(route.method << " " << route.pattern << " by " << who.name);
        ask(f, route, who);
        ++calls;
        const auto stats = f.on_io([&] { return people.audit().stats(); });
        CHECK(stats.noted + stats.summed == calls);
      }
    }
  }
  people.audit().close_minutes(0, true);
  people.audit().pump(0);
  REQUIRE(ledger->flush(std::chrono::seconds(10)));
  std::promise<std::vector<ledger::AuditRow>> read;
  ledger->audit_after(0, 1000, [&](auto rows, const std::string&) { read.set_value(rows); });
  const auto rows = read.get_future().get();
  std::vector<std::string> actions;
  for (const auto& row : rows) actions.push_back(row.action);
  for (const char* wanted :
       {"flip", "rollback", "pause", "resume", "verify", "hold", "hold.release", "release.add",
        "release.stage", "release.requalify", "release.retire", "token.new", "token.rotate",
        "token.expire", "token.revoke"}) {
    INFO(wanted);
    CHECK(std::find(actions.begin(), actions.end(), wanted) != actions.end());
  }
  // A name that somebody chose is no action's.
  for (const auto& action : actions) CHECK(action.find("shop") == std::string::npos);
}

}  // namespace
}  // namespace switchback
