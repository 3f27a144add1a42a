// Tokens at run time: made, rotated with a grace, revoked, brought back from rows.
#include "admin/people/token_store.hpp"

#include "tests/support/catch.hpp"

namespace switchback::people {
namespace {

using config::Role;

constexpr std::int64_t now = 1'800'000'000'000'000;

MadeToken made(TokenMade result) {
  REQUIRE(std::holds_alternative<MadeToken>(result));
  return std::get<MadeToken>(std::move(result));
}
template <class Result>
std::string fault(const Result& result) {
  const auto* found = std::get_if<TokenFault>(&result);
  return found ? found->code : "";
}

TEST_CASE("a token made is found by its text until it is revoked") {
  TokenStore store;
  const auto ci = made(store.make({"ci", Role::deploy, {"shop"}, 0, "uid 0 (root)"}, now));
  CHECK(ci.text.starts_with("sbt_ci-"));
  CHECK(ci.text.starts_with("sbt_" + ci.entry.id + "_"));
  const auto* found = store.find(ci.text, now);
  REQUIRE(found);
  CHECK(found->services == std::vector<std::string>{"shop"});
  CHECK(found->usable(now));
  CHECK(store.find(ci.text + "0", now) == nullptr);
  CHECK(store.find("", now) == nullptr);
  CHECK(fault(store.make({"ci", Role::read, {}, 0, ""}, now)) == "token_exists");

  CHECK(fault(store.revoke("nobody", "x", now)) == "unknown_token");
  CHECK(fault(store.revoke("ci", "uid 0 (root)", now + 5)) == "");
  REQUIRE(store.find(ci.text, now + 5));
  CHECK(store.find(ci.text, now + 5)->state(now + 5) == TokenState::revoked);
  CHECK(fault(store.revoke("ci", "x", now + 6)) == "unknown_token");
  CHECK(made(store.make({"ci", Role::read, {}, 0, ""}, now + 6)).entry.id != ci.entry.id);
}

TEST_CASE("rotating leaves the old token a time of grace, no longer than it had") {
  TokenStore store;
  const auto old = made(store.make({"ci", Role::deploy, {}, now + 30 * day_us, ""}, now));
  const auto fresh = made(store.rotate("ci", day_us, std::nullopt, "uid 0 (root)", now + day_us));
  REQUIRE(fresh.replaced);
  CHECK(fresh.replaced->id == old.entry.id);
  CHECK(fresh.entry.expires_us == now + 31 * day_us);  // as long as the first was made for
  const auto in_grace = now + 2 * day_us - 1;
  CHECK(store.find(old.text, in_grace)->usable(in_grace));
  CHECK_FALSE(store.find(old.text, in_grace + 1)->usable(in_grace + 1));
  CHECK(store.find(fresh.text, in_grace + 1)->usable(in_grace + 1));

  const auto last = made(store.rotate("ci", 0, 0, "x", now + 2 * day_us));
  CHECK(last.entry.expires_us == 0);
  CHECK_FALSE(store.find(fresh.text, now + 2 * day_us)->usable(now + 2 * day_us));
  // Revoking by name leaves none of that name, in grace or not.
  made(store.rotate("ci", day_us, 0, "x", now + 2 * day_us));
  store.revoke("ci", "x", now + 2 * day_us);
  for (const auto& entry : store.all()) CHECK_FALSE(entry.usable(now + 2 * day_us));
}

TEST_CASE("tokens of the configuration are changed there") {
  TokenStore store;
  const auto token = make_token("ci");
  store.adopt({{"ci", Role::deploy, token.sha256, {now + day_us, "x"}, {}}});
  CHECK(store.find(token.text, now)->state(now) == TokenState::expiring);
  CHECK(store.find(token.text, now)->state(now + day_us) == TokenState::expired);
  CHECK(fault(store.revoke("ci", "x", now)) == "token_configured");
  CHECK(fault(store.rotate("ci", 0, 0, "x", now)) == "token_configured");
  CHECK(fault(store.make({"ci", Role::read, {}, 0, ""}, now)) == "token_exists");
  made(store.make({"dash", Role::read, {}, 0, ""}, now));
  store.adopt({});
  CHECK(store.find(token.text, now) == nullptr);
  CHECK(store.all().size() == 1);  // the one made at run time stays
}

TEST_CASE("rows bring back what was made, and nothing that cannot be read") {
  TokenStore store;
  const auto ci = made(store.make({"ci", Role::deploy, {"shop"}, now + day_us, "root"}, now));
  const auto gone = made(store.make({"gone", Role::admin, {}, 0, "root"}, now));
  store.revoke("gone", "root", now);
  store.used(ci.entry.id, now + 7);
  auto rows = store.take_changed(10);
  REQUIRE(rows.size() == 2);
  CHECK(store.take_changed(10).empty());
  const auto secret = ci.text.substr(ci.text.size() - 64);
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.values.size(); ++column)
      CHECK(row.text(column).find(secret) == std::string::npos);
  }
  auto torn = rows[0];
  torn.values[0] = std::string("torn-1");
  torn.values[3] = std::string("[\"shop\"");  // services that cannot be read must not be all
  torn.values[4] = std::string(64, 'a');
  rows.push_back(torn);
  TokenStore other;
  CHECK_FALSE(other.restored());
  other.restore(rows);
  CHECK(other.all().size() == 2);
  const auto* back = other.find(ci.text, now);
  REQUIRE(back);
  CHECK(back->services == std::vector<std::string>{"shop"});
  CHECK(back->expires_us == now + day_us);
  CHECK(back->last_used_us == now + 7);
  CHECK_FALSE(other.find(gone.text, now)->usable(now));
}

TEST_CASE("there are only so many, and ended ones make room") {
  TokenStore store;
  for (std::size_t i = 0; i < TokenStore::most_usable; ++i)
    made(store.make({"t" + std::to_string(i), Role::read, {}, now + day_us, ""}, now));
  CHECK(fault(store.make({"more", Role::read, {}, 0, ""}, now)) == "too_many_tokens");
  store.take_changed(1000);
  const auto later = now + 9 * day_us;
  store.settle_expired(later);
  CHECK(store.take_changed(1000).size() == TokenStore::most_usable);
  made(store.make({"more", Role::read, {}, 0, ""}, later));
  store.take_changed(1000);
  store.settle_expired(later + 100 * day_us);
  CHECK(store.all().size() == 1);
}

}  // namespace
}  // namespace switchback::people
