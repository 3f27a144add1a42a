// The access rules and tokens of a configuration, resolved once: names to uids and gids at load, so
// that no decision ever waits for a name service (a rollback depends on process memory only).
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

class Access {
 public:
  // Reads /etc/passwd and asks the name service for the configured names; may block, so: at load
  // only.
  explicit Access(const config::Admin& admin);

  // Names in `admin.access` that nobody bears; for the log.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The best role of all that match; nullopt: none does. Root and the uid that runs switchback:
  // admin.
  std::optional<config::Role> role_of(const web::Peer& peer) const;
  std::string user_name(uid_t uid) const;  // "" when not known

  bool has_tokens() const { return !tokens_.empty(); }
  // Of the text after "Bearer ". Every configured token is compared, in constant time.
  const config::Token* find_token(std::string_view text) const;

 private:
  void add_user_rule(const config::AccessRule& rule);
  void add_group_rule(const config::AccessRule& rule);

  uid_t own_uid_;
  std::map<uid_t, std::string> user_names_;
  std::map<uid_t, config::Role> by_uid_;
  std::map<gid_t, config::Role> by_gid_;
  std::vector<config::Token> tokens_;
  std::vector<std::string> warnings_;
};

}  // namespace switchback::people
