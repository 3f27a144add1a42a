// Who may act, who has acted, and what of it comes back after a restart.
#include "admin/people/people.hpp"

#include "proxy/base/clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::people {
namespace {

using config::Role;

Principal token_ci() {
  return {"token ci", "token", "ci", Role::deploy};
}
Principal uid_dana() {
  return {"uid 1000 (dana)", "peer", "dana", Role::operate};
}

const PersonView* find(const std::vector<PersonView>& all, const std::string& name) {
  for (const auto& person : all) {
    if (person.name == name) return &person;
  }
  return nullptr;
}

TEST_CASE("proven hands are those that have moved traffic within 90 days") {
  config::Admin admin;
  admin.tokens = {{"ci", Role::deploy, std::string(64, 'a')},
                  {"dash", Role::read, std::string(64, 'b')}};
  People people(admin);
  CHECK(people.hands().able == 1);
  CHECK(people.hands().proven == 0);
  const auto now = wall_us();
  people.used(token_ci(), now);
  CHECK(people.hands().proven == 0);
  people.operated(token_ci(), now - proof_lasts_us - day_us);
  CHECK(people.hands().proven == 0);
  people.operated(token_ci(), now);
  CHECK(people.hands().proven == 1);
  people.operated({"token dash", "token", "dash", Role::read}, now);
  CHECK(people.hands().proven == 1);  // may no longer do it
}

TEST_CASE("several ways in are one person") {
  config::Admin admin;
  admin.tokens = {{"dana", Role::deploy, std::string(64, 'a')}};
  People people(admin);
  people.used(uid_dana(), 5'000'000);
  const auto all = people.people();
  REQUIRE(all.size() == 1);
  CHECK(all[0].auth == std::vector<std::string>{"token", "peer"});
  CHECK(all[0].role == Role::deploy);
  CHECK(all[0].last_used_us == 5'000'000);
}

TEST_CASE("who has operated is known again after a restart") {
  test::TempDir dir;
  const std::string path = dir / "ledger.db";
  const Principal root{"uid 0 (root)", "peer", "root", Role::admin};
  const auto now = wall_us();
  config::Admin admin;
  admin.tokens = {{"ci", Role::deploy, std::string(64, 'a')}};
  {
    const auto ledger = ledger::Ledger::open({.path = path});
    People people(admin, ledger.get());
    people.operated(root, now);
    people.used(token_ci(), now + 1);
    people.operated(uid_dana(), now);
  }
  const auto ledger = ledger::Ledger::open({.path = path});
  People people(admin, ledger.get());
  std::vector<ledger::Row> rows;
  ledger->when_loaded(ledger::Table::principal, [&](auto found) { rows = std::move(found); });
  REQUIRE(rows.size() == 3);
  people.restore(rows);
  const auto all = people.people();
  const auto* back = find(all, "root");
  REQUIRE(back);
  CHECK(back->last_operated_us == now);
  CHECK(back->role == Role::admin);
  const auto* ci = find(all, "ci");
  REQUIRE(ci);
  CHECK(ci->last_used_us == now + 1);
  CHECK(ci->last_operated_us == 0);
  // No rule names dana now: what she did stays in the ledger, but she can do nothing.
  CHECK(find(all, "dana") == nullptr);
  CHECK(people.last_operated("uid 1000 (dana)") == now);
  CHECK(people.hands().proven == 1);
}

TEST_CASE("the number of those remembered is bounded, the oldest go first") {
  People people(config::Admin{});
  for (std::size_t i = 0; i < People::most_principals + 5; ++i) {
    const std::string uid = "uid " + std::to_string(i);
    people.used({uid, "peer", uid, Role::read}, static_cast<std::int64_t>(1000 + i));
  }
  const auto all = people.people();
  CHECK(all.size() == People::most_principals);
  CHECK(find(all, "uid 4") == nullptr);
  CHECK(find(all, "uid 5") != nullptr);
}

}  // namespace
}  // namespace switchback::people
