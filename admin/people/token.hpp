// Bearer tokens of the admin API: `sbt_<id>_<64 hex digits>`. What is kept is the SHA-256 of the
// whole text; the secret has 256 random bits, so a slow hash would add nothing.
#pragma once

#include <string>
#include <string_view>

namespace switchback::people {

struct NewToken {
  std::string id;      // what stands between the underscores
  std::string text;    // shown once, to whoever made it
  std::string sha256;  // 64 lower-case hex digits
};

// `name` goes into the token's id (lower case, other characters than [a-z0-9-] left out), so that a
// leaked token says whose it is. Ends the process if the kernel gives no random bytes.
NewToken make_token(std::string_view name);
// The same with a few random digits behind the name: for tokens that are told apart by their ids,
// also when one is made anew under the same name.
NewToken make_unique_token(std::string_view name);

std::string sha256_hex(std::string_view text);
// Time depends on the sizes only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace switchback::people
