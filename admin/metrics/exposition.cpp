#include "admin/metrics/exposition.hpp"

#include <charconv>
#include <cmath>

namespace switchback::metrics {
namespace {

void escape_into(std::string_view value, std::string& out) {
  if (value.find_first_of("\\\"\n") == std::string_view::npos) {
    out += value;
    return;
  }
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace

std::string escape_label(std::string_view value) {
  std::string out;
  escape_into(value, out);
  return out;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  static_cast<void>(error);
  return {text, end};
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help,
                        std::optional<double> rest) {
  name_ = std::string(name);
  rest_ = rest;
  text_ += "# HELP " + name_ + " ";
  for (const char c : help) {
    if (c == '\\')
      text_ += "\\\\";
    else if (c == '\n')
      text_ += "\\n";
    else
      text_.push_back(c);
  }
  text_ += "\n# TYPE " + name_ + " ";
  text_ += type;
  text_ += "\n";
}

void Exposition::head(std::string_view suffix, std::span<const Label> labels) {
  text_ += name_;
  text_ += suffix;
  if (labels.size() > 0) {
    char before = '{';
    for (const auto& [key, value] : labels) {
      text_.push_back(before);
      text_ += key;
      text_ += "=\"";
      escape_into(value, text_);
      text_ += "\"";
      before = ',';
    }
    text_.push_back('}');
  }
  text_.push_back(' ');
}

// `begin`: of the sample's head in the text, which is taken out again.
bool Exposition::left_out(std::size_t begin, double value) {
  if (!rest_) return false;
  const std::string_view series = std::string_view(text_).substr(begin);
  if (value != *rest_) {
    if (moved_ != nullptr) moved_->add(series);
    return false;
  }
  if (moved_ != nullptr && moved_->has(series)) return false;
  text_.resize(begin);
  return true;
}

void Exposition::sample(Labels labels, double value) {
  sample("", labels, value);
}
void Exposition::sample(Labels labels, std::uint64_t value) {
  sample("", labels, value);
}

void Exposition::sample(std::string_view suffix, Labels labels, double value) {
  const std::size_t begin = text_.size();
  head(suffix, {labels.begin(), labels.size()});
  if (left_out(begin, value)) return;
  text_ += number_text(value);
  text_ += '\n';
}

void Exposition::sample(std::string_view suffix, Labels labels, std::uint64_t value) {
  const std::size_t begin = text_.size();
  head(suffix, {labels.begin(), labels.size()});
  if (left_out(begin, static_cast<double>(value))) return;
  char digits[24];
  text_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  text_ += '\n';
}

void Exposition::bucket(std::span<const Label> labels, std::uint64_t value) {
  head("_bucket", labels);
  text_ += std::to_string(value);
  text_ += '\n';
}

}  // namespace switchback::metrics
