#include "tests/tidy/programs.hpp"

#include <algorithm>
#include <optional>
#include <regex>
#include <sstream>

namespace switchback::tidy {
namespace {

std::size_t line_at(const std::string& text, std::size_t at) {
  return 1 + static_cast<std::size_t>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The elements of a list that begins behind its opening bracket: what its string literals say, put
// together; nullopt for one that has none.
using Element = std::optional<std::string>;
std::vector<Element> elements(const std::string& text, std::size_t at) {
  std::vector<Element> result(1);
  int depth = 0;
  for (; at < text.size() && result.size() < 64; ++at) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      std::string value = result.back().value_or("");
      for (++at; at < text.size() && text[at] != c; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
          ++at;
          value += text[at] == 'n' ? '\n' : text[at];
        } else {
          value += text[at];
        }
      }
      if (depth == 0) result.back() = value;
    } else if (c == '(' || c == '{' || c == '[') {
      ++depth;
    } else if (c == ')' || c == '}' || c == ']') {
      if (--depth < 0) break;
    } else if (c == ',' && depth == 0) {
      result.emplace_back();
    }
  }
  return result;
}

class Finder {
 public:
  Finder(const File& file, std::string text) : file_(file), text_(std::move(text)) {}

  // A list that is started: its first element is the program.
  void list(std::size_t behind_bracket) {
    const std::vector<Element> all = elements(text_, behind_bracket);
    if (!all.front()) return;  // an expression: a program of ours
    const std::size_t line = line_at(text_, behind_bracket);
    add(line, *all.front());
    const std::string name = program_name(*all.front());
    if ((name == "sh" || name == "bash") && all.size() > 2 && all[1] == "-c" && all[2]) {
      for (const Start& start : shell_starts(*all[2])) add(line, start.program);
    }
    static const std::set<std::string> wrappers = {"env",    "nice",    "setsid", "sudo",
                                                   "strace", "taskset", "timeout"};
    if (wrappers.count(name) == 0) return;
    const auto next = std::find_if(all.begin() + 1, all.end(), [](const Element& element) {
      return element && element->front() != '-' && element->find('=') == std::string::npos;
    });
    if (next != all.end()) add(line, **next);
  }
  void lists(const std::regex& before) {
    each(before, [&](const std::smatch& m, std::size_t end) {
      (void)m;
      list(end);
    });
  }
  template <class Found>
  void each(const std::regex& what, Found found) {
    for (std::sregex_iterator it(text_.begin(), text_.end(), what), end; it != end; ++it) {
      found(*it, static_cast<std::size_t>(it->position() + it->length()));
    }
  }
  bool has(const std::regex& what) const { return std::regex_search(text_, what); }
  void add(std::size_t line, const std::string& word) {
    const std::string name = program_name(word);
    static const std::regex plain("[A-Za-z][A-Za-z0-9_.+-]*");
    if (std::regex_match(name, plain)) starts.found.push_back({line, name});
  }
  void unclear(std::size_t at, const std::string& why) {
    starts.unclear.push_back(file_.path + ":" + std::to_string(line_at(text_, at)) + ": " + why);
  }

  Starts starts;

 private:
  const File& file_;
  const std::string text_;
};

// Vectors that are started by name: where they get their first word.
void vectors(Finder& finder) {
  static const std::regex given(
      R"((?:[^.>\w:]run|\bProcess(?:\s+\w+|>)?)\(\s*(?:std::move\()?([a-z]\w*)\)?\s*[,)])");
  std::map<std::string, std::size_t> names;
  finder.each(given, [&](const std::smatch& m, std::size_t end) { names.emplace(m[1], end); });
  for (const auto& [name, at] : names) {
    const std::regex made("std::vector<std::string>&?&? " + name + R"((?: = )?\{)");
    const std::regex put(name + R"(\.insert\()" + name + R"(\.begin\(\),\s*\{?)");
    const std::regex member("std::vector<std::string> " + name + R"( = \w+\.(wrapper|exec);)");
    if (finder.has(member)) continue;  // found where the member is set
    const std::regex vector("std::vector<std::string>&?&? " + name + R"(\b)");
    if (!finder.has(vector)) continue;  // another function of that name
    if (finder.has(made) || finder.has(put)) {
      finder.lists(made);
      finder.lists(put);
    } else {
      finder.unclear(at,
                     "which program begins " + name + "? Say so in a comment, \"starts: NAME\"");
    }
  }
}

Starts of_cpp(const File& file) {
  Finder finder(file, without_comments(file.text));
  static const std::regex direct(R"([^.>\w:]run\(\s*\{)");
  static const std::regex process(R"(\bProcess(?:\s+\w+|>)?\(\s*(?:std::vector<std::string>)?\{)");
  static const std::regex member(R"(\b(?:exec|wrapper) = \{)");
  static const std::regex yaml(R"(\bexec: \[\s*(["']?)([\w./+-]+))");
  finder.lists(direct);
  finder.lists(process);
  finder.lists(member);
  finder.each(yaml, [&](const std::smatch& m, std::size_t end) {
    finder.add(line_at(file.text, end), m[2]);
  });
  vectors(finder);
  return std::move(finder.starts);
}

Starts of_python(const File& file) {
  Finder finder(file, file.text);
  static const std::regex direct(R"(\bsubprocess\.(?:run|Popen|call|check_\w+)\(\s*\[)");
  static const std::regex command(R"re(\[\s*(?="[\w.+-]+",\s*"-))re");
  static const std::regex looked_up(R"(\b(?:which|first_of|need)\()");
  static const std::regex named(R"re(\bprograms\b[^=\n]*= \(+("[^)]*)\))re");
  finder.lists(direct);
  finder.lists(command);
  finder.each(looked_up, [&](const std::smatch&, std::size_t end) {
    for (const Element& name : elements(file.text, end)) {
      if (name) finder.add(line_at(file.text, end), *name);
    }
  });
  finder.each(named, [&](const std::smatch& m, std::size_t end) {
    for (const Element& name : elements(m[1].str() + ")", 0)) {
      if (name) finder.add(line_at(file.text, end), *name);
    }
  });
  return std::move(finder.starts);
}

void said_in_comments(const File& file, Starts& starts) {
  static const std::regex said(R"((?://|#) starts: ([\w.+ -]+))");
  std::size_t number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, said)) continue;
    starts.unclear.clear();  // this is what could not be read
    std::istringstream words(match[1]);
    for (std::string word; words >> word;) starts.found.push_back({number, word});
  }
}

std::set<std::string> sets_for(const File& file, const Needs& needs) {
  if (file.in("bench")) return {"build", "bench"};
  if (file.in("tests/bare") && file.path != "tests/bare/demo") return {"build", "bare"};
  std::set<std::string> all;
  for (const auto& [set, packages] : needs) all.insert(set);
  if (file.path == "dev" || !file.in("tests")) return all;
  for (const char* other : {"bench", "lint", "bare"}) all.erase(other);
  if (!file.in("tests/fuzz")) all.erase("fuzz");
  return all;
}

}  // namespace

Starts starts_of(const File& file) {
  Starts starts;
  const std::string first = file.text.substr(0, file.text.find('\n'));
  if (file.path == "tests/support/process.cpp") return starts;  // starts what it is given
  if (file.cpp() && file.in("tests") && !file.in("tests/tidy")) {
    starts = of_cpp(file);
  } else if (ends_with(file.path, ".py") || first.find("python") != std::string::npos) {
    if (file.script()) starts = of_python(file);
  } else if (file.script()) {
    starts.found = shell_starts(file.text);
  }
  // The interpreter is started too.
  if (file.script() && first.rfind("#!", 0) == 0) {
    const std::size_t space = first.find_last_of(" /");
    starts.found.push_back({1, first.substr(space + 1)});
  }
  if (!file.in("tests/tidy")) said_in_comments(file, starts);
  return starts;
}

Packages::Packages(const std::string& text) {
  for (const std::string& line : lines_of(text)) {
    const std::size_t colon = line.find(':');
    if (line.empty() || line.front() == '#' || colon == std::string::npos) continue;
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) package_[word] = line.substr(0, colon);
  }
}

std::string Packages::of(const std::string& program) const {
  const auto found = package_.find(program);
  return found == package_.end() ? "" : found->second;
}

Needs needs_of(const std::string& dev) {
  static const std::regex need(R"((?:^|echo ")([a-z]+) (\S+) (?:cmd|pc|hdr|file|any|lib):\S)");
  Needs needs;
  for (const std::string& line : lines_of(dev)) {
    std::smatch match;
    if (!std::regex_search(line, match, need)) continue;
    needs[match[1]].insert(match[2]);
  }
  return needs;
}

std::vector<std::string> programs_not_named(const File& file, const Packages& packages,
                                            const Needs& needs) {
  Starts starts = starts_of(file);
  std::vector<std::string> faults = std::move(starts.unclear);
  const std::set<std::string> sets = sets_for(file, needs);
  for (const Start& start : starts.found) {
    const std::string package = packages.of(start.program);
    if (package == "essential" || package == "optional") continue;
    const std::string where =
        file.path + ":" + std::to_string(start.line) + ": starts " + start.program;
    if (package.empty()) {
      faults.push_back(where + ", and tests/tidy/programs.txt does not say which package has it");
      continue;
    }
    const bool named = std::any_of(sets.begin(), sets.end(), [&](const std::string& set) {
      const auto found = needs.find(set);
      return found != needs.end() && found->second.count(package) > 0;
    });
    if (named) continue;
    std::string all;
    for (const std::string& set : sets) all += (all.empty() ? "" : ", ") + set;
    faults.push_back(where + ", and needs() of dev has no " + package + " in " + all);
  }
  return faults;
}

}  // namespace switchback::tidy
