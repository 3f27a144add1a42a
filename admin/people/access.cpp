#include "admin/people/access.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>

#include "admin/people/token.hpp"

namespace switchback::people {
namespace {

constexpr std::size_t most_user_names = 65'536;

std::map<uid_t, std::string> local_user_names() {
  std::map<uid_t, std::string> names;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/etc/passwd", "re"),
                                                             &std::fclose);
  if (!file) return names;
  while (names.size() < most_user_names) {
    const passwd* entry = ::fgetpwent(file.get());
    if (entry == nullptr) break;
    names.emplace(entry->pw_uid, entry->pw_name);
  }
  return names;
}

// Rules may also name a number, as chown and others allow.
std::optional<std::uint32_t> as_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Map, class Key>
void keep_best(Map& map, Key key, config::Role role) {
  const auto [place, added] = map.emplace(key, role);
  if (!added) place->second = std::max(place->second, role);
}

}  // namespace

Access::Access(const config::Admin& admin)
    : own_uid_(::geteuid()), user_names_(local_user_names()), tokens_(admin.tokens) {
  user_names_.emplace(0, "root");
  for (const auto& rule : admin.access) {
    if (!rule.user.empty()) add_user_rule(rule);
    if (!rule.group.empty()) add_group_rule(rule);
  }
}

void Access::add_user_rule(const config::AccessRule& rule) {
  if (const passwd* entry = ::getpwnam(rule.user.c_str())) {
    user_names_[entry->pw_uid] = rule.user;
    keep_best(by_uid_, entry->pw_uid, rule.role);
  } else if (const auto number = as_number(rule.user)) {
    keep_best(by_uid_, static_cast<uid_t>(*number), rule.role);
  } else {
    warnings_.push_back("admin.access: there is no user '" + rule.user +
                        "'; the rule matches nobody");
  }
}

void Access::add_group_rule(const config::AccessRule& rule) {
  if (const group* entry = ::getgrnam(rule.group.c_str())) {
    keep_best(by_gid_, entry->gr_gid, rule.role);
  } else if (const auto number = as_number(rule.group)) {
    keep_best(by_gid_, static_cast<gid_t>(*number), rule.role);
  } else {
    warnings_.push_back("admin.access: there is no group '" + rule.group +
                        "'; the rule matches nobody");
  }
}

std::optional<config::Role> Access::role_of(const web::Peer& peer) const {
  if (peer.kind != web::Peer::Kind::unix_socket || !peer.credentials) return std::nullopt;
  if (peer.uid == 0 || peer.uid == own_uid_) return config::Role::admin;
  std::optional<config::Role> best;
  const auto consider = [&](config::Role role) { best = best ? std::max(*best, role) : role; };
  if (const auto rule = by_uid_.find(peer.uid); rule != by_uid_.end()) consider(rule->second);
  if (const auto rule = by_gid_.find(peer.gid); rule != by_gid_.end()) consider(rule->second);
  for (const gid_t gid : peer.groups) {
    if (const auto rule = by_gid_.find(gid); rule != by_gid_.end()) consider(rule->second);
  }
  return best;
}

std::string Access::user_name(uid_t uid) const {
  const auto entry = user_names_.find(uid);
  return entry == user_names_.end() ? "" : entry->second;
}

const config::Token* Access::find_token(std::string_view text) const {
  const std::string digest = sha256_hex(text);
  const config::Token* found = nullptr;
  for (const auto& token : tokens_) {
    if (equal_in_constant_time(token.sha256, digest)) found = &token;
  }
  return found;
}

}  // namespace switchback::people
