#include "admin/people/access.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
namespace switchback::people {
namespace {

constexpr std::size_t most_user_names = 65'536;
constexpr std::size_t most_listed_users = 1000;

struct Accounts {
  std::map<uid_t, std::string> names;
  std::multimap<gid_t, std::string> main_groups;
};

Accounts local_accounts() {
  Accounts accounts;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/etc/passwd", "re"),
                                                             &std::fclose);
  if (!file) return accounts;
  while (accounts.names.size() < most_user_names) {
    const passwd* entry = ::fgetpwent(file.get());
    if (entry == nullptr) break;
    accounts.names.emplace(entry->pw_uid, entry->pw_name);
    accounts.main_groups.emplace(entry->pw_gid, entry->pw_name);
  }
  return accounts;
}

// Rules may also name a number, as chown and others allow.
std::optional<std::uint32_t> as_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Map, class Key>
void keep_best(Map& map, Key key, Grant grant) {
  const auto [place, added] = map.emplace(key, grant);
  if (!added && grant.role > place->second.role) place->second = std::move(grant);
}

}  // namespace

Access::Access(const config::Admin& admin)
    : own_uid_(::geteuid()), certificates_(admin.certificates) {
  Accounts accounts = local_accounts();
  user_names_ = std::move(accounts.names);
  main_groups_ = std::move(accounts.main_groups);
  user_names_.emplace(0, "root");
  for (const auto& rule : admin.access) {
    if (!rule.user.empty()) add_user_rule(rule);
    if (!rule.group.empty()) add_group_rule(rule);
  }
}

void Access::add_user(const std::string& name, config::Role role) {
  if (users_.size() >= most_listed_users && users_.find(name) == users_.end()) return;
  const auto [place, added] = users_.emplace(name, role);
  if (!added) place->second = std::max(place->second, role);
}

void Access::add_user_rule(const config::AccessRule& rule) {
  const Grant grant{rule.role, "admin.access: user " + rule.user};
  if (const passwd* entry = ::getpwnam(rule.user.c_str())) {
    user_names_[entry->pw_uid] = rule.user;
    keep_best(by_uid_, entry->pw_uid, grant);
    add_user(rule.user, rule.role);
  } else if (const auto number = as_number(rule.user)) {
    const auto uid = static_cast<uid_t>(*number);
    keep_best(by_uid_, uid, grant);
    const auto name = user_name(uid);
    add_user(name.empty() ? "uid " + rule.user : name, rule.role);
  } else {
    warnings_.push_back("admin.access: there is no user '" + rule.user +
                        "'; the rule matches nobody");
  }
}

void Access::add_group_rule(const config::AccessRule& rule) {
  const Grant grant{rule.role, "admin.access: group " + rule.group};
  std::optional<gid_t> gid;
  if (const group* entry = ::getgrnam(rule.group.c_str())) {
    gid = entry->gr_gid;
    for (char** member = entry->gr_mem; member != nullptr && *member != nullptr; ++member)
      add_user(*member, rule.role);
  } else if (const auto number = as_number(rule.group)) {
    gid = static_cast<gid_t>(*number);
  } else {
    warnings_.push_back("admin.access: there is no group '" + rule.group +
                        "'; the rule matches nobody");
    return;
  }
  keep_best(by_gid_, *gid, grant);
  const auto [first, last] = main_groups_.equal_range(*gid);
  for (auto it = first; it != last; ++it) add_user(it->second, rule.role);
}

std::optional<Grant> Access::grant(const web::Peer& peer) const {
  if (peer.kind != web::Peer::Kind::unix_socket || !peer.credentials) return std::nullopt;
  if (peer.uid == 0) return Grant{config::Role::admin, "root"};
  if (peer.uid == own_uid_) return Grant{config::Role::admin, "the uid that runs switchback"};
  const Grant* best = nullptr;
  const auto consider = [&](const auto& map, auto key) {
    const auto rule = map.find(key);
    if (rule == map.end()) return;
    if (best == nullptr || rule->second.role > best->role) best = &rule->second;
  };
  consider(by_uid_, peer.uid);
  consider(by_gid_, peer.gid);
  for (const gid_t gid : peer.groups) consider(by_gid_, gid);
  return best == nullptr ? std::nullopt : std::optional(*best);
}

bool Access::names_uid(uid_t uid) const {
  return uid == 0 || uid == own_uid_ || by_uid_.find(uid) != by_uid_.end();
}

std::string Access::user_name(uid_t uid) const {
  const auto entry = user_names_.find(uid);
  return entry == user_names_.end() ? "" : entry->second;
}

std::optional<Access::CertificateGrant> Access::certificate_grant(
    const std::vector<std::string>& names) const {
  const config::CertificateRule* best = nullptr;
  for (const auto& rule : certificates_) {
    if (std::find(names.begin(), names.end(), rule.name) == names.end()) continue;
    if (best == nullptr || rule.role > best->role) best = &rule;
  }
  if (best == nullptr) return std::nullopt;
  return CertificateGrant{{best->role, "admin.certificates: " + best->name}, best->name};
}

}  // namespace switchback::people
