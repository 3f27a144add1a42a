// Writes the Prometheus text format 0.0.4: HELP and TYPE once per family, labels escaped.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace switchback::metrics {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Exposition {
 public:
  // Begins a family; the samples that follow belong to it. `type`: counter, gauge, histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(Labels labels, double value);
  void sample(Labels labels, std::uint64_t value);
  // `suffix`: "_bucket", "_sum", "_count".
  void sample(std::string_view suffix, Labels labels, double value);
  void sample(std::string_view suffix, Labels labels, std::uint64_t value);

  std::string take() { return std::move(text_); }

 private:
  void head(std::string_view suffix, Labels labels);
  std::string text_;
  std::string name_;
};

// \ " and line feed, as label values want it.
std::string escape_label(std::string_view value);
// Shortest text that reads back as the same number.
std::string number_text(double value);

}  // namespace switchback::metrics
