#include "proxy/http/connection_auth.hpp"

#include <algorithm>

#include "proxy/http/chars.hpp"

namespace switchback::http {
namespace {

// The next element of a list whose commas may stand between quotation marks as well.
std::string_view next_challenge(std::string_view& list) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < list.size(); ++end) {
    if (quoted && list[end] == '\\') {
      ++end;
    } else if (list[end] == '"') {
      quoted = !quoted;
    } else if (list[end] == ',' && !quoted) {
      break;
    }
  }
  const std::string_view element = trim_ows(list.substr(0, std::min(end, list.size())));
  list.remove_prefix(std::min(end + 1, list.size()));
  return element;
}

}  // namespace

bool names_connection_scheme(std::string_view value) {
  while (!value.empty()) {
    const std::string_view element = next_challenge(value);
    // A scheme stands alone or before a blank; `realm="x"` belongs to the scheme before it.
    const std::string_view scheme = element.substr(0, element.find_first_of(" \t"));
    if (iequals(scheme, "NTLM") || iequals(scheme, "Negotiate")) return true;
  }
  return false;
}

bool binds_connection(std::span<const Field> head, std::uint64_t fields) {
  for (const Field& field : head) {
    if ((bit_of(field.id) & fields) != 0 && names_connection_scheme(field.value())) return true;
  }
  return false;
}

}  // namespace switchback::http
