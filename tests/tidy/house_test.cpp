// The house rules, kept on the tree itself. Each fault is a line that names the place.
#include <algorithm>
#include <iostream>
#include <set>

#include "tests/support/catch.hpp"
#include "tests/support/places.hpp"
#include "tests/tidy/functions.hpp"
#include "tests/tidy/modules.hpp"
#include "tests/tidy/programs.hpp"
#include "tests/tidy/source_tree.hpp"
#include "tests/tidy/words.hpp"

namespace switchback::tidy {
namespace {

constexpr std::size_t file_lines_soft = 400;
constexpr std::size_t file_lines_hard = 600;
constexpr std::size_t line_columns = 100;
constexpr std::size_t function_lines_hard = 70;

const std::vector<File>& tree() {
  static const std::vector<File> files = read_tree(switchback::test::in_source(""));
  return files;
}

const File& file_at(const std::string& path) {
  for (const File& file : tree()) {
    if (file.path == path) return file;
  }
  FAIL("the tree has no " << path);
  return tree().front();
}

const Modules& modules() {
  static const Modules all(file_at("CMakeLists.txt").text);
  return all;
}

bool product(const File& file) {
  return file.in("config") || file.in("proxy") || file.in("admin") || file.in("bench/switchover");
}

// tests/unit mirrors the sources: proxy/net/stream.cpp is tested by
// tests/unit/proxy/net/stream_test.cpp.
std::string twin_of(const std::string& source) {
  return "tests/unit/" + source.substr(0, source.rfind('.')) + "_test.cpp";
}

// Characters, not bytes.
std::size_t columns_of(const std::string& line) {
  std::size_t columns = 0;
  for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return columns;
}

// All faults are shown at once, then the test fails.
void none(const std::vector<std::string>& faults) {
  std::string text;
  for (const std::string& fault : faults) text += "\n" + fault;
  INFO(text);
  CHECK(faults.empty());
}

template <class Rule>
void keep(Rule rule) {
  std::vector<std::string> faults;
  for (const File& file : tree()) {
    const std::vector<std::string> found = rule(file);
    faults.insert(faults.end(), found.begin(), found.end());
  }
  none(faults);
}

TEST_CASE("the tree that is read is the whole tree") {
  CHECK(tree().size() > 50);
  CHECK(file_at("proxy/drain/drain_gate.hpp").lines > 100);
  CHECK(modules().folders().size() > 15);
}

TEST_CASE("modules depend in one direction") {
  none(modules().dangling());
  CHECK(modules().cycle() == "");
  for (const std::string& folder : modules().folders()) {
    if (folder.rfind("proxy/", 0) != 0) continue;
    for (const std::string& other : modules().folders()) {
      if (other.rfind("admin/", 0) == 0) CHECK_FALSE(modules().may_include(folder, other));
    }
    CHECK_FALSE(modules().may_include(folder, "config"));
  }
}

TEST_CASE("every include follows a dependency that CMakeLists.txt names") {
  keep([](const File& file) -> std::vector<std::string> {
    if (!product(file) || !file.cpp()) return {};
    return includes_wrongly(file, modules());
  });
}

TEST_CASE("every folder of the product is a module and has its place in docs/architecture.md") {
  const std::string& page = file_at("docs/architecture.md").text;
  keep([&](const File& file) -> std::vector<std::string> {
    if (!product(file) || !file.cpp()) return {};
    const std::string folder = file.path.substr(0, file.path.rfind('/'));
    std::vector<std::string> faults;
    if (!modules().known(folder)) faults.push_back(file.path + ": its folder is no sb_module");
    if (page.find("`" + folder + "/`") == std::string::npos) {
      faults.push_back(file.path + ": docs/architecture.md does not name `" + folder + "/`");
    }
    return faults;
  });
}

TEST_CASE("files are short enough to be read") {
  keep([](const File& file) -> std::vector<std::string> {
    if (!file.cpp() && !file.script()) return {};
    const std::string line = file.path + ": " + std::to_string(file.lines) + " lines";
    if (file.lines > file_lines_hard) return {line};
    if (file.lines > file_lines_soft) std::cout << "long: " << line << '\n';
    return {};
  });
}

TEST_CASE("sources without a test of their own are known, and become fewer") {
  std::set<std::string> paths, listed;
  for (const File& file : tree()) paths.insert(file.path);
  for (const std::string& line : lines_of(file_at("tests/tidy/without_twin.txt").text)) {
    if (!line.empty() && line.front() != '#') listed.insert(line);
  }
  std::vector<std::string> faults;
  for (const std::string& path : listed) {
    if (!paths.contains(path)) faults.push_back(path + ": is gone; take it off the list");
    if (paths.contains(twin_of(path)))
      faults.push_back(path + ": has a twin; take it off the list");
  }
  for (const File& file : tree()) {
    if (!product(file) || !file.path.ends_with(".cpp") || file.path.ends_with("/main.cpp"))
      continue;
    if (paths.contains(twin_of(file.path)) || listed.contains(file.path)) continue;
    faults.push_back(file.path + ": has no " + twin_of(file.path));
  }
  none(faults);
}

// Literals are text that somebody else reads, and may not be broken at will: they do not count.
bool too_wide(const std::string& line, std::string code) {
  // Behind the end of a raw string only its own code counts.
  code.erase(code.find_last_not_of(' ') + 1);
  code.erase(0, std::min(code.find_first_not_of(' '), code.size()));
  const bool comment = line.find_first_not_of(' ') == line.find("//");
  return columns_of(comment ? line : code) > line_columns;
}

TEST_CASE("lines of code have at most 100 columns") {
  keep([](const File& file) -> std::vector<std::string> {
    if (!file.cpp()) return {};
    const std::vector<std::string> lines = lines_of(file.text),
                                   code = lines_of(code_only(file.text));
    std::vector<std::string> faults;
    for (std::size_t i = 0; i < lines.size() && i < code.size(); ++i) {
      if (too_wide(lines[i], code[i])) {
        faults.push_back(file.path + ":" + std::to_string(i + 1) + ": more than 100 columns");
      }
    }
    return faults;
  });
}

TEST_CASE("functions are short enough to be understood") {
  std::size_t functions = 0;
  keep([&](const File& file) -> std::vector<std::string> {
    if (!file.cpp()) return {};
    std::vector<std::string> faults;
    const Functions all = functions_of(file.text);
    if (!all.balanced) faults.push_back(file.path + ": braces do not match");
    functions += all.found.size();
    for (const Function& f : all.found) {
      if (f.length <= function_lines_hard) continue;
      faults.push_back(file.path + ":" + std::to_string(f.line) + ": " + std::to_string(f.length) +
                       " lines: " + f.head);
    }
    return faults;
  });
  CHECK(functions > 500);  // the matching has found them at all
}

TEST_CASE("nothing unfinished is left in the tree") {
  keep(unfinished);
}

TEST_CASE("tests wait for events, never for time") {
  keep(waits_by_clock);
}

TEST_CASE("no file knows the machine it was written on") {
  keep(machine_names);
}

TEST_CASE("dev names the package of every program that tests and scripts start") {
  const Packages packages(file_at("tests/tidy/programs.txt").text);
  const Needs needs = needs_of(file_at("dev").text);
  std::size_t starts = 0;
  keep([&](const File& file) {
    starts += starts_of(file).found.size();
    return programs_not_named(file, packages, needs);
  });
  CHECK(starts > 100);  // the reading has found them at all
}

TEST_CASE("every header says what it is and is read once") {
  keep([](const File& file) -> std::vector<std::string> {
    if (!file.header()) return {};
    std::vector<std::string> faults;
    if (file.text.find("#pragma once\n") == std::string::npos) {
      faults.push_back(file.path + ": no #pragma once");
    }
    if (file.text.rfind("//", 0) != 0) {
      faults.push_back(file.path + ":1: does not begin with a comment that says what it is");
    }
    return faults;
  });
}

}  // namespace
}  // namespace switchback::tidy
