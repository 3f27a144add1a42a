#include "admin/people/people.hpp"

#include <algorithm>
#include <cstdio>

#include "admin/people/roles.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::people {
namespace {

constexpr std::size_t written_at_once = 64;  // so that others find room in the ledger's queue

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
    : access_(admin), ledger_(ledger), audit_(ledger) {
  tokens_.adopt(admin.tokens);
  if (ledger == nullptr) tokens_.restore({});
}

People::~People() {
  audit_.close_minutes(wall_us(), true);
  write_out();
}

void People::adopt(const config::Admin& admin) {
  access_ = Access(admin);
  tokens_.adopt(admin.tokens);
  for (auto& [actor, seen] : seen_) seen.present = false;
}

bool People::tcp_is_guarded() const {
  return !tokens_.all().empty() || !access_.certificates().empty();
}

People::Seen& People::seen(const Principal& who, std::int64_t now_us) {
  const auto [place, added] = seen_.try_emplace(who.actor);
  Seen& seen = place->second;
  seen.principal = who;
  if (added) seen.first_us = now_us;
  seen.dirty = seen.present = true;
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
  ledger_->put(ledger::Row{
      ledger::Table::principal,
      {seen.principal.actor, seen.principal.auth, std::string(role_text(seen.principal.role)),
       seen.first_us, seen.used_us, operated}});
}

void People::write_out() {
  if (ledger_ == nullptr) return;
  std::size_t left = written_at_once;
  for (auto& row : tokens_.take_changed(written_at_once)) ledger_->put(std::move(row));
  for (auto& [actor, seen] : seen_) {
    if (!seen.dirty) continue;
    write(seen);
    if (--left == 0) return;
  }
}

void People::restate() {
  tokens_.touch_all();
  for (auto& [actor, seen] : seen_) seen.dirty = true;
}

std::optional<std::int64_t> People::last_operated(const std::string& actor) const {
  const auto found = seen_.find(actor);
  if (found == seen_.end() || found->second.operated_us == 0) return std::nullopt;
  return found->second.operated_us;
}

// What happened in this life before the ledger could be read is newer than what it says.
void People::restore(const std::vector<ledger::Row>& rows) {
  for (const auto& row : rows) {
    const std::string actor = row.text(0);
    const auto [place, added] = seen_.try_emplace(actor);
    Seen& seen = place->second;
    if (added) {
      seen.principal = {actor, row.text(1), person_of(actor),
                        role_of(row.text(2)).value_or(config::Role::read)};
    }
    seen.first_us = row.integer(3);
    seen.used_us = std::max(seen.used_us, row.integer(4));
    seen.operated_us = std::max(seen.operated_us, row.integer(5));
  }
}

// Of people whom no list names: users, let in by a group whose members the name service does not
// tell, count once they have come under the rules in force; so do root and switchback's own uid.
bool People::may_still_come(const Seen& seen) const {
  if (seen.principal.auth != "peer") return false;
  unsigned uid = 0;
  if (std::sscanf(seen.principal.actor.c_str(), "uid %u", &uid) != 1) return false;
  return seen.present || access_.names_uid(static_cast<uid_t>(uid));
}

std::vector<PersonView> People::people() const {
  const std::int64_t now_us = wall_us();
  std::map<std::string, PersonView> all;
  std::map<std::string, bool> confined;  // false: some way in is for all services
  const auto person = [&](const std::string& name, const std::string& auth, config::Role role,
                          const std::vector<std::string>& services) -> PersonView& {
    const auto [place, added] = all.try_emplace(name);
    PersonView& view = place->second;
    view.name = name;
    view.role = added ? role : std::max(view.role, role);
    add_auth(view, auth);
    confined.try_emplace(name, true).first->second &= !services.empty();
    for (const auto& service : services) {
      if (std::find(view.services.begin(), view.services.end(), service) == view.services.end())
        view.services.push_back(service);
    }
    return view;
  };
  for (const auto& [name, role] : access_.users()) person(name, "peer", role, {});
  for (const auto& rule : access_.certificates()) person(rule.name, "certificate", rule.role, {});
  std::map<std::string, bool> endless;
  for (const auto& token : tokens_.all()) {
    if (!token.usable(now_us)) continue;
    auto& view = person(token.name, "token", token.role, token.services);
    view.token_expires_us = std::max(view.token_expires_us, token.expires_us);
    endless[token.name] |= token.expires_us == 0;
  }
  for (const auto& [actor, seen] : seen_) {
    // Who has acted once but has no way in any more can do nothing now.
    const auto& who = seen.principal;
    if (may_still_come(seen)) person(who.person, who.auth, who.role, {});
    const auto known = all.find(who.person);
    if (known == all.end()) continue;
    auto& view = known->second;
    view.last_used_us = std::max(view.last_used_us, seen.used_us);
    view.last_operated_us = std::max(view.last_operated_us, seen.operated_us);
  }
  std::vector<PersonView> out;
  for (auto& [name, view] : all) {
    if (!confined[name]) view.services.clear();
    if (endless[name]) view.token_expires_us = 0;
    view.on_call = std::find(on_call_.begin(), on_call_.end(), name) != on_call_.end();
    out.push_back(std::move(view));
  }
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
