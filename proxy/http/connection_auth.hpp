// Authentication that a server ties to a connection and not to a request: NTLM, and Negotiate
// (RFC 4559), which carries NTLM or Kerberos. Once a challenge of theirs, or an answer to one, has
// passed, the server takes whatever comes on that connection for the one who has logged in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/http/head.hpp"

namespace switchback::http {

inline constexpr std::uint64_t credential_fields =
    bit_of(FieldId::authorization) | bit_of(FieldId::proxy_authorization);
inline constexpr std::uint64_t challenge_fields =
    bit_of(FieldId::www_authenticate) | bit_of(FieldId::proxy_authenticate);

// Whether a list of challenges, or credentials, names such a scheme (RFC 9110 §11.3: schemes have
// no case, and a field may hold several challenges).
bool names_connection_scheme(std::string_view value);
// The same for all fields of a head whose ids are in `fields`.
bool binds_connection(std::span<const Field> head, std::uint64_t fields);

// Cheap where no such field is there.
inline bool binds_connection(const RequestHead& head) {
  return (head.present & credential_fields) != 0 &&
         binds_connection(head.fields, credential_fields);
}
inline bool binds_connection(const ResponseHead& head) {
  return (head.present & challenge_fields) != 0 && binds_connection(head.fields, challenge_fields);
}

}  // namespace switchback::http
