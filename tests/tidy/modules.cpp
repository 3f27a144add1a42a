#include "tests/tidy/modules.hpp"

#include <sstream>

namespace switchback::tidy {
namespace {

std::string without_cmake_comments(const std::string& text) {
  std::string out;
  for (const std::string& line : lines_of(text)) out += line.substr(0, line.find('#')) + '\n';
  return out;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

bool starts_with_any(const std::string& text, std::initializer_list<const char*> beginnings) {
  for (const char* beginning : beginnings) {
    if (text.rfind(beginning, 0) == 0) return true;
  }
  return false;
}

}  // namespace

Modules::Modules(const std::string& cmake_text) {
  const std::string text = without_cmake_comments(cmake_text);
  static const std::string call = "sb_module(";
  for (std::size_t at = text.find(call); at != std::string::npos; at = text.find(call, at + 1)) {
    const std::size_t begin = at + call.size();
    std::istringstream words(text.substr(begin, text.find(')', begin) - begin));
    std::string folder, word;
    words >> folder;
    if (at >= 9 && text.compare(at - 9, 9, "function(") == 0) continue;
    std::set<std::string>& depends = direct_[folder];
    bool in_depends = false;
    while (words >> word) {
      if (word == "DEPENDS" || word == "LIBS")
        in_depends = word == "DEPENDS";
      else if (in_depends)
        depends.insert(word);
    }
  }
}

std::vector<std::string> Modules::folders() const {
  std::vector<std::string> result;
  for (const auto& [folder, depends] : direct_) result.push_back(folder);
  return result;
}

const std::set<std::string>& Modules::reach(const std::string& folder) const {
  const auto [place, fresh] = reach_.try_emplace(folder);
  if (!fresh) return place->second;
  std::set<std::string> seen;
  std::vector<std::string> open{folder};
  while (!open.empty()) {
    const auto module = direct_.find(open.back());
    open.pop_back();
    if (module == direct_.end()) continue;
    for (const std::string& next : module->second) {
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return place->second = std::move(seen);
}

bool Modules::may_include(const std::string& from, const std::string& to) const {
  return from == to || reach(from).contains(to);
}

std::vector<std::string> Modules::dangling() const {
  std::vector<std::string> result;
  for (const auto& [folder, depends] : direct_) {
    for (const std::string& name : depends) {
      if (!known(name)) result.push_back(folder + " DEPENDS " + name);
    }
  }
  return result;
}

std::string Modules::cycle() const {
  for (const auto& [folder, depends] : direct_) {
    if (reach(folder).contains(folder)) return folder;
  }
  return {};
}

std::vector<std::string> includes_wrongly(const File& file, const Modules& modules) {
  std::vector<std::string> wrong;
  const std::string from = folder_of(file.path);
  const bool proxy = file.in("proxy");
  for (const Include& include : includes_of(file)) {
    const auto fault = [&](const std::string& why) {
      wrong.push_back(file.path + ":" + std::to_string(include.line) + ": includes " +
                      include.target + ": " + why);
    };
    const std::string& target = include.target;
    if (proxy && starts_with_any(target, {"yaml-cpp/", "sqlite3", "libpq", "pqxx"})) {
      fault("the data plane knows no YAML and no database");
    }
    if (!starts_with_any(target, {"config/", "proxy/", "admin/", "tests/", "bench/"})) continue;
    if (include.angled) fault("our own headers are written between quotation marks");
    const bool module = modules.known(folder_of(target));  // bench/switchover is one
    if (starts_with_any(target, {"tests/", "bench/"}) && !module) {
      fault("the product does not know its tests");
    } else if (target != "config/model.hpp" && !modules.may_include(from, folder_of(target))) {
      fault(from + " does not DEPEND on " + folder_of(target) + " in CMakeLists.txt");
    } else if (proxy && target != "config/model.hpp" && !starts_with_any(target, {"proxy/"})) {
      fault("of the outside, the data plane knows config/model.hpp only");
    }
  }
  return wrong;
}

}  // namespace switchback::tidy
