// The access rules of a configuration, resolved once: names to uids and gids at load, so that no
// decision ever waits for a name service (a rollback depends on process memory only).
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/http/message.hpp"
#include "config/model.hpp"

namespace switchback::people {

// What somebody may do, and why.
struct Grant {
  config::Role role = config::Role::read;
  std::string rule;  // "admin.access: group oncall", "root"
};

class Access {
 public:
  // Reads /etc/passwd and asks the name service for the configured names; may block, so: at load
  // only.
  explicit Access(const config::Admin& admin);

  // Names in `admin.access` that nobody bears; for the log.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The best of all rules that match; nullopt: none does. Root and the uid that runs switchback:
  // admin.
  std::optional<Grant> grant(const web::Peer& peer) const;
  // A rule names this uid, or none is needed (root, switchback's own).
  bool names_uid(uid_t uid) const;
  std::string user_name(uid_t uid) const;  // "" when not known

  // Of a verified client certificate: the best rule of its names, and the name it matched.
  struct CertificateGrant {
    Grant grant;
    std::string name;
  };
  std::optional<CertificateGrant> certificate_grant(const std::vector<std::string>& names) const;
  const std::vector<config::CertificateRule>& certificates() const { return certificates_; }

  // Who may come in by a rule, as far as it is known at load: named users, and the members of named
  // groups. Bounded.
  const std::map<std::string, config::Role>& users() const { return users_; }

 private:
  void add_user_rule(const config::AccessRule& rule);
  void add_group_rule(const config::AccessRule& rule);
  void add_user(const std::string& name, config::Role role);

  uid_t own_uid_;
  std::map<uid_t, std::string> user_names_;
  std::multimap<gid_t, std::string> main_groups_;  // of /etc/passwd
  std::map<uid_t, Grant> by_uid_;
  std::map<gid_t, Grant> by_gid_;
  std::map<std::string, config::Role> users_;
  std::vector<config::CertificateRule> certificates_;
  std::vector<std::string> warnings_;
};

}  // namespace switchback::people
