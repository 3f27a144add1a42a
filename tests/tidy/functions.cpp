#include "tests/tidy/functions.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "tests/tidy/source_tree.hpp"

namespace switchback::tidy {
namespace {

bool word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

std::string folded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// The place after a bracket that closes the one at `open`; npos when it does not close. Angle
// brackets between parentheses compare.
std::size_t after_match(const std::string& text, std::size_t open, char opening, char closing) {
  int depth = 0;
  int parentheses = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (opening == '<' && text[i] == '(') ++parentheses;
    if (opening == '<' && text[i] == ')') --parentheses;
    if (parentheses > 0) continue;
    if (text[i] == opening) ++depth;
    if (text[i] == closing && --depth == 0) return i + 1;
  }
  return std::string::npos;
}

// What comes before the name of a type or function and has brackets of its own.
std::string without_decorations(std::string head) {
  for (;;) {
    const std::size_t begin = head.find_first_not_of(' ');
    head.erase(0, begin == std::string::npos ? head.size() : begin);
    std::size_t end = std::string::npos;
    if (head.rfind("template", 0) == 0 && head.find('<') != std::string::npos) {
      end = after_match(head, head.find('<'), '<', '>');
    } else if (head.rfind("[[", 0) == 0) {
      end = after_match(head, 0, '[', ']');
    }
    if (end == std::string::npos) break;
    head.erase(0, end);
  }
  for (const std::string_view word : {"alignas", "requires"}) {
    const std::size_t at = head.find(word);
    if (at == std::string::npos) continue;
    const std::size_t open = head.find('(', at);
    const std::size_t end =
        open == std::string::npos ? std::string::npos : after_match(head, open, '(', ')');
    if (end != std::string::npos) head.erase(at, end - at);
  }
  return head;
}

// Where a value begins, as in `auto f = [] {` and `Row rows[] = {`; npos when the head has none.
std::size_t value_of(const std::string& head) {
  int depth = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '(') ++depth;
    if (head[i] == ')') --depth;
    if (head[i] != '=' || depth != 0) continue;
    const bool compares =
        std::string_view("=<>!").find(i > 0 ? head[i - 1] : ' ') != std::string_view::npos ||
        (i + 1 < head.size() && head[i + 1] == '=');
    if (head.find("operator") == std::string::npos && !compares) return i + 1;
  }
  return std::string::npos;
}

enum class Scope { transparent, function, other };

// What a brace opens at namespace or class scope, from the text in front of it.
Scope classify(const std::string& raw_head) {
  const std::string head = without_decorations(folded(raw_head));
  const auto begins = [&](std::string_view word) {
    return head.rfind(word, 0) == 0 &&
           (head.size() == word.size() || !word_character(head[word.size()]));
  };
  if (begins("namespace") || begins("inline namespace") || begins("extern")) {
    if (head.find('(') == std::string::npos) return Scope::transparent;
  }
  if (begins("enum")) return Scope::other;
  if (begins("class") || begins("struct") || begins("union")) {
    const std::string name = head.substr(0, head.find(':'));
    if (name.find('(') == std::string::npos) return Scope::transparent;
  }
  if (const std::size_t value = value_of(head); value != std::string::npos) {
    const std::size_t first = head.find_first_not_of(' ', value);
    const bool lambda = first != std::string::npos && head[first] == '[';
    return lambda ? Scope::function : Scope::other;
  }
  return head.find('(') != std::string::npos ? Scope::function : Scope::other;
}

class Reader {
 public:
  explicit Reader(const std::string& cpp_text) : code_(code_only(cpp_text)) {}

  Functions run() {
    while (at_ < code_.size() && result_.balanced) {
      const char c = code_[at_];
      if (c == '{')
        open();
      else if (c == '}')
        close();
      else if (c == ';' && parentheses_ == 0)
        start_head(at_ + 1);
      else if (c == ':' && access_label())
        start_head(at_ + 1);
      else
        count(c);
      ++at_;
    }
    result_.balanced &= scopes_ == 0;
    return std::move(result_);
  }

 private:
  void count(char c) {
    if (c == '(') ++parentheses_;
    if (c == ')' && parentheses_ > 0) --parentheses_;
  }
  void start_head(std::size_t from) {
    head_ = from;
    parentheses_ = 0;
  }
  bool access_label() const {
    const std::string head = folded(code_.substr(head_, at_ - head_));
    const std::size_t begin = head.find_first_not_of(' ');
    if (begin == std::string::npos) return false;
    const std::string_view word = std::string_view(head).substr(begin);
    return word == "public" || word == "private" || word == "protected";
  }
  std::size_t line_at(std::size_t offset) const {
    return 1 + static_cast<std::size_t>(std::count(
                   code_.begin(), code_.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
  }
  char next_visible(std::size_t from) const {
    const std::size_t at = code_.find_first_not_of(" \t\n", from);
    return at == std::string::npos ? '\0' : code_[at];
  }

  void open() {
    const std::string head = code_.substr(head_, at_ - head_);
    const Scope scope = parentheses_ > 0 ? Scope::other : classify(head);
    if (scope == Scope::transparent) {
      ++scopes_;
      return start_head(at_ + 1);
    }
    const std::size_t end = after_match(code_, at_, '{', '}');
    if (end == std::string::npos) {
      result_.balanced = false;
      return;
    }
    at_ = end - 1;
    // A braced initialiser is part of a longer head: a member initialiser, a default argument, an
    // object's value. What follows tells.
    const char next = next_visible(end);
    const bool goes_on =
        parentheses_ > 0 || next == ',' || next == '{' || next == ';' || next == ')';
    if (scope == Scope::function && !(goes_on && next != ';'))
      note(head, end);
    else if (goes_on)
      return;
    start_head(end);
  }
  void note(const std::string& head, std::size_t end) {
    const std::size_t visible = code_.find_first_not_of(" \t\n", head_);
    const std::size_t first = line_at(visible);
    result_.found.push_back({folded(head), first, line_at(end - 1) - first + 1});
  }
  void close() {
    if (scopes_ == 0)
      result_.balanced = false;
    else
      --scopes_;
    start_head(at_ + 1);
  }

  const std::string code_;
  Functions result_;
  std::size_t at_ = 0;
  std::size_t head_ = 0;  // where the text in front of the next brace begins
  int parentheses_ = 0;   // open in that text
  int scopes_ = 0;        // namespaces and types around it
};

}  // namespace

Functions functions_of(const std::string& cpp_text) {
  return Reader(cpp_text).run();
}

}  // namespace switchback::tidy
