#include "tests/tidy/shell.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace switchback::tidy {
namespace {

constexpr char unknown = '\x01';  // stands for an expansion

struct Word {
  std::string text;
  std::string array;  // the name, when the word is "${name[@]}" and nothing else
  std::size_t line = 0;
};
using Words = std::vector<Word>;

bool among(const std::set<std::string>& names, const std::string& name) {
  return names.count(name) > 0;
}

const std::set<std::string> builtins = {
    ".",      ":",       "[",     "alias",  "break",  "builtin", "cd",    "continue",  "declare",
    "echo",   "eval",    "exit",  "export", "false",  "getopts", "hash",  "kill",      "let",
    "local",  "mapfile", "popd",  "printf", "pushd",  "pwd",     "read",  "readarray", "readonly",
    "return", "set",     "shift", "shopt",  "source", "test",    "times", "trap",      "true",
    "type",   "ulimit",  "umask", "unset",  "wait"};
// What follows them is a command again.
const std::set<std::string> openers = {"!",    "{",  "if",    "then",  "elif",
                                       "else", "do", "while", "until", "time"};
const std::set<std::string> closers = {"}", "fi", "done"};
const std::set<std::string> wrappers = {"chroot", "command", "env",   "exec",    "nice",
                                        "nohup",  "setsid",  "sudo",  "timeout", "unshare",
                                        "xargs",  "taskset", "strace"};

bool assignment(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '+' || c == '[' ||
           c == ']' || c == unknown;
  });
}

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  std::vector<Start> run() {
    while (at_ < text_.size()) {
      list('\0', false);
      if (at_ < text_.size()) ++at_;  // a ')' too many
    }
    for (const auto& [name, words] : arrays_) {
      if (among(run_arrays_, name)) simple(words);
    }
    found_.erase(std::remove_if(found_.begin(), found_.end(),
                                [&](const Start& s) { return among(functions_, s.program); }),
                 found_.end());
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Start& a, const Start& b) { return a.line < b.line; });
    return std::move(found_);
  }

 private:
  char now(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool starts(std::string_view what) const { return text_.compare(at_, what.size(), what) == 0; }
  bool blank_at(std::size_t at) const {
    return at >= text_.size() || std::isspace(static_cast<unsigned char>(text_[at])) ||
           text_[at] == ';' || text_[at] == ')';
  }
  std::size_t line() const {
    return 1 + static_cast<std::size_t>(std::count(
                   text_.begin(),
                   text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size())), '\n'));
  }
  void skip_to(std::string_view end) {
    const std::size_t found = text_.find(end, at_);
    at_ = found == std::string::npos ? text_.size() : found + end.size();
  }

  // Commands up to `end`, which is taken; with `in_case` up to ";;" or "esac".
  void list(char end, bool in_case) {
    const char around = std::exchange(end_, end);
    commands(end, in_case);
    end_ = around;
  }
  void commands(char end, bool in_case) {
    Words words;
    const auto flush = [&] {
      simple(words);
      words.clear();
    };
    while (at_ < text_.size()) {
      const char c = now();
      if (in_case && starts(";;")) {
        at_ += 2;
        return flush();
      }
      if (in_case && words.empty() && starts("esac") && blank_at(at_ + 4)) return;
      if (c == end && end != '\0') {
        ++at_;
        return flush();
      }
      if (c == ')' && end == '\0') return flush();
      if (c == '\\' && now(1) == '\n') {
        at_ += 2;
      } else if (c == ' ' || c == '\t') {
        ++at_;
      } else if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '<' || c == '>' || starts("&>")) {
        redirection();
      } else if (c == '\n' || c == ';' || c == '&' || c == '|') {
        flush();
        ++at_;
        if (c == '\n') here_documents();
      } else if (c == '(') {
        group();
      } else {
        word_of_command(words);
      }
    }
    flush();
  }

  void group() {
    if (starts("((")) return skip_to("))");
    ++at_;
    list(')', false);
  }

  void word_of_command(Words& words) {
    const bool first =
        std::all_of(words.begin(), words.end(), [](const Word& w) { return assignment(w.text); });
    if (first && starts("[[") && blank_at(at_ + 2)) return condition();
    Word word = read();
    if (first && starts("()")) {
      at_ += 2;
      functions_.insert(word.text);
      return;
    }
    if (first && (among(openers, word.text) || among(closers, word.text))) return;
    if (first && word.text == "case") return cases();
    if (first && (word.text == "for" || word.text == "select")) {
      while (at_ < text_.size() && now() != ';' && now() != '\n') {
        if (starts("(("))
          skip_to("))");
        else if (now() == ' ')
          ++at_;
        else
          read();
      }
      return;
    }
    words.push_back(std::move(word));
  }

  void condition() {
    while (at_ < text_.size() && !(starts("]]") && blank_at(at_ + 2))) {
      if (now() == '"' || now() == '\'' || starts("$(") || starts("${"))
        piece();
      else
        ++at_;
    }
    at_ = std::min(at_ + 2, text_.size());
  }

  void cases() {
    const auto space = [&] {
      while (at_ < text_.size()) {
        if (now() == '#')
          at_ = std::min(text_.find('\n', at_), text_.size());
        else if (std::isspace(static_cast<unsigned char>(now())))
          ++at_;
        else
          return;
      }
    };
    space();
    read();
    space();
    read();  // "in"
    for (space(); at_ < text_.size(); space()) {
      if (starts("esac") && blank_at(at_ + 4)) {
        at_ += 4;
        return;
      }
      while (at_ < text_.size() && now() != ')') {
        if (now() == '"' || now() == '\'')
          piece();
        else
          ++at_;
      }
      ++at_;
      list('\0', true);
    }
  }

  void redirection() {
    if (now(1) == '(') {
      at_ += 2;
      return list(')', false);
    }
    const bool here = starts("<<") && !starts("<<<");
    while (now() == '<' || now() == '>' || now() == '&' || (here && now() == '-')) ++at_;
    while (now() == ' ') ++at_;
    if (now() == '<' || now() == '>') return;  // < <(command)
    const std::string target = read().text;
    if (here) here_.push_back(target);
  }

  void here_documents() {
    for (const std::string& end : here_) {
      while (at_ < text_.size()) {
        std::size_t to = std::min(text_.find('\n', at_), text_.size());
        std::string row = text_.substr(at_, to - at_);
        row.erase(0, std::min(row.find_first_not_of('\t'), row.size()));
        at_ = std::min(to + 1, text_.size());
        if (row == end) break;
      }
    }
    here_.clear();
  }

  Word read() {
    Word word;
    word.line = line();
    const std::size_t from = at_;
    while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(now())) &&
           std::string_view(";&|()<>").find(now()) == std::string_view::npos &&
           (now() != '`' || end_ != '`')) {
      word.text += piece();
    }
    if (at_ == from) ++at_;
    if (now() == '(' && assignment(word.text) && word.text.back() == '=') array(word.text);
    std::string raw = text_.substr(from, at_ - from);
    raw.erase(std::remove(raw.begin(), raw.end(), '"'), raw.end());
    if (raw.size() > 6 && raw.compare(0, 2, "${") == 0 && raw.find("[@]}") == raw.size() - 4) {
      word.array = raw.substr(2, raw.size() - 6);
    }
    return word;
  }

  void array(const std::string& assigned) {
    ++at_;
    Words words;
    while (at_ < text_.size() && now() != ')') {
      if (std::isspace(static_cast<unsigned char>(now())))
        ++at_;
      else
        words.push_back(read());
    }
    ++at_;
    std::string name = assigned.substr(0, assigned.find_first_of("+="));
    if (!words.empty() && assigned.find('+') == std::string::npos) arrays_.emplace(name, words);
  }

  // One quoted or expanded piece of a word, or one character of it.
  std::string piece() {
    const char c = text_[at_++];
    if (c == '\\') return at_ < text_.size() ? std::string(1, text_[at_++]) : "";
    if (c == '\'') {
      const std::size_t from = at_;
      skip_to("'");
      return text_.substr(from, std::max(at_, from + 1) - from - 1);
    }
    if (c == '"') {
      std::string out;
      while (at_ < text_.size() && now() != '"') {
        if (now() == '\'')
          out += text_[at_++];  // nothing special between double quotes
        else
          out += piece();
      }
      ++at_;
      return out;
    }
    if (c == '`') return list('`', false), std::string(1, unknown);
    if (c != '$') return std::string(1, c);
    return expansion();
  }

  std::string expansion() {
    const std::string out(1, unknown);
    if (starts("((")) {
      skip_to("))");
    } else if (now() == '(') {
      ++at_;
      list(')', false);
    } else if (now() == '\'') {
      return piece();
    } else if (now() == '{') {
      ++at_;
      while (at_ < text_.size() && now() != '}') piece();
      ++at_;
    } else if (std::isalnum(static_cast<unsigned char>(now())) || now() == '_') {
      while (std::isalnum(static_cast<unsigned char>(now())) || now() == '_') ++at_;
    } else if (std::string_view("@*#?$!-").find(now()) != std::string_view::npos && now() != '\0') {
      ++at_;
    } else {
      return "$";
    }
    return out;
  }

  // A command with its words: which program is it?
  void simple(const Words& words) {
    std::size_t at = 0;
    bool wrapped = false;
    for (; at < words.size(); ++at) {
      const std::string& text = words[at].text;
      if (assignment(text)) continue;
      if (!words[at].array.empty()) {
        run_arrays_.insert(words[at].array);
        if (words[at].array != "as_root") return;  // the array says the program, its rest follows
        wrapped = true;
        continue;
      }
      const bool beside = text.empty() || text.front() == '-' || text.front() == unknown ||
                          std::isdigit(static_cast<unsigned char>(text.front()));
      if (wrapped && beside) {
        if (text == "-v") return;  // command -v: looked up, not started
        continue;
      }
      if (beside) return;
      add(words[at]);
      if (!among(wrappers, text)) break;
      wrapped = true;
    }
    if (at < words.size()) nested(words, at);
  }

  void add(const Word& word) {
    const std::string name = program_name(word.text);
    if (name.empty() || name.find(unknown) != std::string::npos || among(builtins, name)) return;
    if (name == "command" || name == "exec") return;
    found_.push_back({word.line, name});
  }

  void nested(const Words& words, std::size_t at) {
    const std::string name = program_name(words[at].text);
    if (name != "sh" && name != "bash") return;
    for (++at; at + 1 < words.size(); ++at) {
      if (words[at].text != "-c") continue;
      for (Start start : shell_starts(words[at + 1].text)) {
        start.line = words[at + 1].line;
        found_.push_back(std::move(start));
      }
      return;
    }
  }

  const std::string& text_;
  std::size_t at_ = 0;
  char end_ = '\0';  // of the innermost list
  std::vector<Start> found_;
  std::vector<std::string> here_;  // ends of the here-documents that begin with the next line
  std::set<std::string> functions_, run_arrays_;
  std::map<std::string, Words> arrays_;
};

}  // namespace

std::vector<Start> shell_starts(const std::string& text) {
  return Reader(text).run();
}

std::string program_name(const std::string& word) {
  const std::size_t slash = word.rfind('/');
  if (slash == std::string::npos) return word;
  const std::string folder = word.substr(0, slash);
  for (const char* known : {"/bin", "/sbin", "/usr/bin", "/usr/sbin"}) {
    if (folder == known) return word.substr(slash + 1);
  }
  return "";
}

}  // namespace switchback::tidy
