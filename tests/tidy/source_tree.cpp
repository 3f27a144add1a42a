#include "tests/tidy/source_tree.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace switchback::tidy {
namespace {

namespace fs = std::filesystem;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool skipped_folder(const std::string& name) {
  if (name == ".ci") return false;
  return name.front() == '.' || name.rfind("build", 0) == 0 || name == "node_modules" ||
         name == "__pycache__" || name == "results" || name == "corpus";
}

bool word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Walks C++ text once and blanks what it is told to.
class Blanker {
 public:
  Blanker(const std::string& text, bool literals) : text_(text), out_(text), literals_(literals) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (starts("//"))
        blank_until("\n", 0, true);
      else if (starts("/*"))
        blank_until("*/", 2, true);
      else if (text_[at_] == '"')
        string_literal();
      else if (text_[at_] == '\'' && !digit_separator())
        quoted('\'');
      else
        ++at_;
    }
    return std::move(out_);
  }

 private:
  bool starts(std::string_view what) const { return text_.compare(at_, what.size(), what) == 0; }
  bool digit_separator() const {
    return at_ > 0 && at_ + 1 < text_.size() &&
           std::isxdigit(static_cast<unsigned char>(text_[at_ - 1])) &&
           std::isxdigit(static_cast<unsigned char>(text_[at_ + 1])) && !prefix_of_character();
  }
  // u8'a' and the like: the character before the quote is a letter and begins a word.
  bool prefix_of_character() const {
    std::size_t begin = at_;
    while (begin > 0 && word_character(text_[begin - 1])) --begin;
    const std::string_view word(text_.data() + begin, at_ - begin);
    return word == "u8" || word == "u" || word == "U" || word == "L";
  }
  void blank(std::size_t from, std::size_t to, bool wanted) {
    for (std::size_t i = from; wanted && i < to && i < out_.size(); ++i) {
      if (out_[i] != '\n') out_[i] = ' ';
    }
  }
  void blank_until(std::string_view end, std::size_t more, bool wanted) {
    const std::size_t found = text_.find(end, at_ + (more == 0 ? 0 : 2));
    const std::size_t to = found == std::string::npos ? text_.size() : found + more;
    blank(at_, to, wanted);
    at_ = to;
  }
  void string_literal() {
    if (at_ > 0 && text_[at_ - 1] == 'R') {
      const std::size_t open = text_.find('(', at_);
      if (open == std::string::npos) {
        ++at_;
        return;
      }
      const std::string end = ")" + text_.substr(at_ + 1, open - at_ - 1) + "\"";
      const std::size_t close = text_.find(end, open);
      const std::size_t to = close == std::string::npos ? text_.size() : close + end.size();
      blank(at_ + 1, to - 1, literals_);
      at_ = to;
      return;
    }
    quoted('"');
  }
  void quoted(char mark) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != mark && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    blank(at_ + 1, end, literals_);
    at_ = std::min(end + 1, text_.size());
  }

  const std::string& text_;
  std::string out_;
  const bool literals_;
  std::size_t at_ = 0;
};

// Takes out preprocessor lines, and of each #if only the first branch is kept.
std::string without_preprocessor(const std::string& text) {
  std::string out;
  std::vector<bool> in_else;  // one per open #if
  bool continued = false;
  for (const std::string& line : lines_of(text)) {
    const std::size_t first = line.find_first_not_of(" \t");
    const bool directive = continued || (first != std::string::npos && line[first] == '#');
    if (directive && !continued) {
      const std::size_t word = line.find_first_not_of(" \t", first + 1);
      const auto is = [&](std::string_view w) {
        return word != std::string::npos && line.compare(word, w.size(), w) == 0;
      };
      if (is("if"))
        in_else.push_back(false);
      else if (is("el") && !in_else.empty())
        in_else.back() = true;
      else if (is("endif") && !in_else.empty())
        in_else.pop_back();
    }
    continued = directive && ends_with(line, "\\");
    const bool drop = directive || std::find(in_else.begin(), in_else.end(), true) != in_else.end();
    if (!drop) out += line;
    out += '\n';
  }
  return out;
}

}  // namespace

bool File::header() const {
  return ends_with(path, ".hpp") || ends_with(path, ".h");
}
bool File::cpp() const {
  return header() || ends_with(path, ".cpp") || ends_with(path, ".ipp");
}
bool File::script() const {
  return ends_with(path, ".py") || ends_with(path, ".sh") || text.rfind("#!", 0) == 0;
}

File make_file(std::string path, std::string text) {
  File file{std::move(path), std::move(text)};
  file.lines = static_cast<std::size_t>(std::count(file.text.begin(), file.text.end(), '\n'));
  return file;
}

std::vector<File> read_tree(const std::string& root) {
  std::vector<File> files;
  for (auto entry = fs::recursive_directory_iterator(root);
       entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory() && skipped_folder(name)) entry.disable_recursion_pending();
    if (!entry->is_regular_file() || entry->is_symlink()) continue;
    if (entry->path().filename() == ".git") continue;  // of a second working tree
    std::ifstream in(entry->path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.find('\0') != std::string::npos) continue;
    files.push_back(make_file(fs::relative(entry->path(), root).generic_string(), std::move(text)));
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

std::string without_comments(const std::string& text) {
  return Blanker(text, false).run();
}

std::string code_only(const std::string& text) {
  return without_preprocessor(Blanker(text, true).run());
}

std::vector<Include> includes_of(const File& file) {
  std::vector<Include> result;
  std::size_t number = 0;
  for (const std::string& line : lines_of(without_comments(file.text))) {
    ++number;
    std::size_t at = line.find_first_not_of(" \t");
    if (at == std::string::npos || line[at] != '#') continue;
    at = line.find_first_not_of(" \t", at + 1);
    if (at == std::string::npos || line.compare(at, 7, "include") != 0) continue;
    const std::size_t open = line.find_first_of("\"<", at);
    if (open == std::string::npos) continue;
    const bool angled = line[open] == '<';
    const std::size_t close = line.find(angled ? '>' : '"', open + 1);
    if (close == std::string::npos) continue;
    result.push_back({number, line.substr(open + 1, close - open - 1), angled});
  }
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

}  // namespace switchback::tidy
