#include "config/diagnostic.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace switchback::config {

namespace {
constexpr std::size_t max_diagnostics = 100;
constexpr std::size_t max_quoted_bytes = 60;
}  // namespace

std::string Diagnostic::text() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  out += ": ";
  if (warning) out += "warning: ";
  out += message;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

std::string in_quotes(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  const bool clip = text.size() > max_quoted_bytes;
  for (const char c : text.substr(0, max_quoted_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out + (clip ? "…\"" : "\"");
}

void Report::error(Mark at, std::string message, std::string hint) {
  ++errors_;
  add(at, std::move(message), std::move(hint), false);
}

void Report::warning(Mark at, std::string message, std::string hint) {
  add(at, std::move(message), std::move(hint), true);
}

void Report::add(Mark at, std::string message, std::string hint, bool warning) {
  if (found_.size() >= max_diagnostics) {
    cut_ = true;
    return;
  }
  found_.push_back({file_, at.line, at.column, std::move(message), std::move(hint), warning});
}

std::vector<Diagnostic> Report::take() {
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.line, d.column, d.message, d.hint);
  };
  std::stable_sort(found_.begin(), found_.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto last = std::unique(found_.begin(), found_.end(),
                                [&](const auto& a, const auto& b) { return key(a) == key(b); });
  found_.erase(last, found_.end());
  if (cut_) {
    found_.push_back({file_, 0, 0, "there are more faults than are shown here", "mend these first",
                      errors_ == 0});
  }
  return std::exchange(found_, {});
}

}  // namespace switchback::config
