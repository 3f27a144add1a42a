#include "admin/people/people.hpp"

#include <algorithm>

#include "proxy/base/clock.hpp"

namespace switchback::people {
namespace {

constexpr std::size_t written_at_once = 64;  // so that others find room in the ledger's queue

std::string_view role_text(config::Role role) {
  constexpr std::string_view names[] = {"read", "operate", "deploy", "admin"};
  return names[static_cast<std::size_t>(role)];
}

config::Role role_of_text(std::string_view text) {
  for (const auto role : {config::Role::admin, config::Role::deploy, config::Role::operate}) {
    if (role_text(role) == text) return role;
  }
  return config::Role::read;
}

// "uid 1000 (dana)" and "token dana" are both dana.
std::string person_of(const std::string& actor) {
  if (const auto open = actor.find('('); open != std::string::npos && actor.ends_with(')'))
    return actor.substr(open + 1, actor.size() - open - 2);
  for (const std::string_view way : {"token ", "certificate "}) {
    if (actor.starts_with(way)) return actor.substr(way.size());
  }
  return actor;
}

void add_auth(PersonView& person, const std::string& auth) {
  if (std::find(person.auth.begin(), person.auth.end(), auth) == person.auth.end())
    person.auth.push_back(auth);
}

}  // namespace

People::People(const config::Admin& admin, ledger::Ledger* ledger)
    : access_(admin), tokens_(admin.tokens), ledger_(ledger) {}

People::~People() {
  write_out();
}

void People::adopt(const config::Admin& admin) {
  access_ = Access(admin);
  tokens_ = admin.tokens;
}

People::Seen& People::seen(const Principal& who, std::int64_t now_us) {
  const auto [place, added] = seen_.try_emplace(who.actor);
  Seen& seen = place->second;
  seen.principal = who;
  if (added) seen.first_us = now_us;
  seen.dirty = true;
  if (seen_.size() <= most_principals) return seen;
  auto oldest = seen_.end();
  for (auto it = seen_.begin(); it != seen_.end(); ++it) {
    if (it != place && (oldest == seen_.end() || it->second.used_us < oldest->second.used_us))
      oldest = it;
  }
  seen_.erase(oldest);
  return seen;
}

void People::used(const Principal& who, std::int64_t now_us) {
  seen(who, now_us).used_us = now_us;
}

void People::operated(const Principal& who, std::int64_t now_us) {
  Seen& found = seen(who, now_us);
  found.used_us = found.operated_us = now_us;
  write(found);
}

void People::write(Seen& seen) {
  seen.dirty = false;
  if (ledger_ == nullptr) return;
  ledger::Value operated;
  if (seen.operated_us != 0) operated = seen.operated_us;
  ledger_->put(ledger::Row{ledger::Table::principal,
                           {seen.principal.actor, seen.principal.auth,
                            std::string(role_text(seen.principal.role)), seen.first_us,
                            seen.used_us, operated}});
}

void People::write_out() {
  std::size_t left = written_at_once;
  for (auto& [actor, seen] : seen_) {
    if (!seen.dirty) continue;
    write(seen);
    if (--left == 0) return;
  }
}

// What happened in this life before the ledger could be read is newer than what it says.
void People::restore(const std::vector<ledger::Row>& rows) {
  for (const auto& row : rows) {
    const std::string actor = row.text(0);
    const auto [place, added] = seen_.try_emplace(actor);
    Seen& seen = place->second;
    if (added)
      seen.principal = {actor, row.text(1), person_of(actor), role_of_text(row.text(2))};
    seen.first_us = row.integer(3);
    seen.used_us = std::max(seen.used_us, row.integer(4));
    seen.operated_us = std::max(seen.operated_us, row.integer(5));
  }
}

std::vector<PersonView> People::people() const {
  std::map<std::string, PersonView> all;
  const auto person = [&](const std::string& name, const std::string& auth, config::Role role) -> PersonView& {
    const auto [place, added] = all.try_emplace(name);
    PersonView& view = place->second;
    view.name = name;
    view.role = added ? role : std::max(view.role, role);
    add_auth(view, auth);
    return view;
  };
  for (const auto& token : tokens_) person(token.name, "token", token.role);
  for (const auto& [actor, seen] : seen_) {
    auto& view = person(seen.principal.person, seen.principal.auth, seen.principal.role);
    view.last_used_us = std::max(view.last_used_us, seen.used_us);
    view.last_operated_us = std::max(view.last_operated_us, seen.operated_us);
  }
  std::vector<PersonView> out;
  for (auto& [name, view] : all) out.push_back(std::move(view));
  return out;
}

Hands People::hands() const {
  Hands hands;
  const std::int64_t since = wall_us() - proof_lasts_us;
  for (const auto& person : people()) {
    if (person.role < config::Role::operate) continue;
    ++hands.able;
    if (person.last_operated_us > since) ++hands.proven;
  }
  return hands;
}

}  // namespace switchback::people
