// The bodies of calls that make or change tokens; strict like all others (body.hpp).
#pragma once

#include "admin/api/body.hpp"
#include "admin/people/token_store.hpp"

namespace switchback::api {

struct RotationBody {
  std::int64_t grace_us = people::usual_grace_us;
  std::optional<std::int64_t> expires_us;  // of the new one; 0: never; none: as the old one
};

// {"name": "ci", "role": "deploy", "expires": "2027-01-31" | "90d", "services": ["shop"]}; `role`
// is operate and the rest open when left out.
Parsed<people::TokenWish> parse_new_token(std::string_view text,
                                          const std::vector<std::string>& services,
                                          std::int64_t now_us);
// {"grace": "24h", "expires": …}; empty allowed.
Parsed<RotationBody> parse_rotation(std::string_view text, std::int64_t now_us);
// {"at": "2027-01-31" | "30d" | null}; null: never.
Parsed<std::int64_t> parse_expiry_body(std::string_view text, std::int64_t now_us);

// A date, or a duration from now on ("90d").
Parsed<std::int64_t> parse_expiry(std::string_view text, std::int64_t now_us);

}  // namespace switchback::api
