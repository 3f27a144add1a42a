// Which folder may include which, as CMakeLists.txt says with sb_module(FOLDER DEPENDS …).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source_tree.hpp"

namespace switchback::tidy {

class Modules {
 public:
  explicit Modules(const std::string& cmake_text);

  bool known(const std::string& folder) const { return direct_.contains(folder); }
  std::vector<std::string> folders() const;
  // Whether code in `from` may include from `to`: itself, or what it depends on, over any number
  // of steps. config/model.hpp is the business of includes_wrongly().
  bool may_include(const std::string& from, const std::string& to) const;
  // Modules named in DEPENDS that do not exist.
  std::vector<std::string> dangling() const;
  // A module that depends on itself over some way; empty: there is none.
  std::string cycle() const;

 private:
  const std::set<std::string>& reach(const std::string& folder) const;
  std::map<std::string, std::set<std::string>> direct_;
  mutable std::map<std::string, std::set<std::string>> reach_;
};

// What is wrong with a file's includes, one line each ("path:line: …").
std::vector<std::string> includes_wrongly(const File& file, const Modules& modules);

}  // namespace switchback::tidy
