// The head of an answer, of whatever server: made into the form that a strict parser reads.
//
// Receivers of webhooks leave out the reason phrase and the space before it (RFC 9112 §4 wants the
// space), and end lines with LF alone (§2.2 lets a reader take that). Sans-IO.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace switchback::web {

inline constexpr std::size_t most_head_bytes = 64 * 1024;
inline constexpr unsigned most_interim_answers = 32;

// The bytes of a head, its empty line included; 0: it is not all there.
std::size_t head_size(std::string_view bytes);
// With CRLF ends of lines, and a space after the status code.
std::string strict_head(std::string_view head);

}  // namespace switchback::web
