// The addresses that a DNS answer (RFC 1035 §4.1) has for a name. Sans-IO.
//
// The chain of CNAMEs from the name on is followed in whatever order the records stand: RFC 1034
// §4.3.2 has an answer's aliases first, but not every server keeps to it, and what an address
// belongs to its owner says. Records of names that are not at the chain's end count for nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "proxy/dns/name_entry.hpp"

namespace switchback::dns {

inline constexpr std::size_t max_read = 1024;   // addresses
inline constexpr std::size_t max_aliases = 16;  // CNAMEs in a chain; what is longer is a mistake

// `name` as it was asked, rooted or not; A or AAAA. Outcome: found, no_address, or nullopt for a
// malformed message.
std::optional<FamilyAnswer> read_message(const unsigned char* message, std::size_t size,
                                         std::string name, bool v6);

}  // namespace switchback::dns
