// Under which full names a short name is asked, as resolv.conf(5) says. c-ares could search by
// itself, but asks each family on its own, so that A and AAAA could come from different domains.
#pragma once

#include <string>
#include <vector>

namespace switchback::dns {

struct SearchList {
  std::vector<std::string> domains;  // at most 8
  unsigned ndots = 1;
};

// Reads `search`, `domain` and `options ndots:`; the last of the first two wins. An unreadable file
// is an empty one.
SearchList read_search_list(const std::string& path = "/etc/resolv.conf");
SearchList parse_search_list(const std::string& text);

// Rooted ("app.example.") and in order. A name that is rooted already stands for itself alone.
std::vector<std::string> full_names(const std::string& name, const SearchList& list);

}  // namespace switchback::dns
