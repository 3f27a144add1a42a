// Roles as the ledger and the API write them.
#pragma once

#include <optional>
#include <string_view>

#include "config/model.hpp"

namespace switchback::people {

inline std::string_view role_text(config::Role role) {
  constexpr std::string_view names[] = {"read", "operate", "deploy", "admin"};
  return names[static_cast<std::size_t>(role)];
}

inline std::optional<config::Role> role_of(std::string_view text) {
  for (const auto role :
       {config::Role::read, config::Role::operate, config::Role::deploy, config::Role::admin}) {
    if (role_text(role) == text) return role;
  }
  return std::nullopt;
}

}  // namespace switchback::people
