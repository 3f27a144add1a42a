#include "admin/metrics/exposition.hpp"

#include <charconv>
#include <cmath>

namespace switchback::metrics {

std::string escape_label(std::string_view value) {
  std::string out;
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

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = std::string(name);
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

void Exposition::head(std::string_view suffix, Labels labels) {
  text_ += name_;
  text_ += suffix;
  if (labels.size() > 0) {
    char before = '{';
    for (const auto& [key, value] : labels) {
      text_.push_back(before);
      text_ += key;
      text_ += "=\"";
      text_ += escape_label(value);
      text_ += "\"";
      before = ',';
    }
    text_.push_back('}');
  }
  text_.push_back(' ');
}

void Exposition::sample(Labels labels, double value) {
  sample("", labels, value);
}
void Exposition::sample(Labels labels, std::uint64_t value) {
  sample("", labels, value);
}

void Exposition::sample(std::string_view suffix, Labels labels, double value) {
  head(suffix, labels);
  text_ += number_text(value) + "\n";
}

void Exposition::sample(std::string_view suffix, Labels labels, std::uint64_t value) {
  head(suffix, labels);
  text_ += std::to_string(value) + "\n";
}

}  // namespace switchback::metrics
