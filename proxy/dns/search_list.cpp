#include "proxy/dns/search_list.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace switchback::dns {

namespace {
constexpr std::size_t max_domains = 8;
constexpr std::size_t max_name = 254;  // rooted, as text
constexpr std::size_t max_file = 64 * 1024;
constexpr unsigned max_ndots = 15;

unsigned ndots_of(const std::string& word, unsigned otherwise) {
  constexpr std::string_view key = "ndots:";
  if (word.rfind(key, 0) != 0) return otherwise;
  unsigned n = otherwise;
  std::from_chars(word.data() + key.size(), word.data() + word.size(), n);
  return std::min(n, max_ndots);
}
}  // namespace

SearchList parse_search_list(const std::string& text) {
  SearchList list;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find_first_of("#;")));
    std::string key, word;
    words >> key;
    if (key == "search" || key == "domain") {
      list.domains.clear();
      while (words >> word && list.domains.size() < max_domains) {
        while (!word.empty() && word.back() == '.') word.pop_back();
        if (!word.empty()) list.domains.push_back(word);
      }
    } else if (key == "options") {
      while (words >> word) list.ndots = ndots_of(word, list.ndots);
    }
  }
  return list;
}

SearchList read_search_list(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(max_file, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return parse_search_list(text);
}

std::vector<std::string> full_names(const std::string& name, const SearchList& list) {
  if (!name.empty() && name.back() == '.') return {name};
  std::vector<std::string> names;
  for (const std::string& domain : list.domains) {
    std::string full = name + "." + domain + ".";
    if (full.size() <= max_name) names.push_back(std::move(full));
  }
  const auto dots = static_cast<unsigned>(std::count(name.begin(), name.end(), '.'));
  names.insert(dots >= list.ndots ? names.begin() : names.end(), name + ".");
  return names;
}

}  // namespace switchback::dns
