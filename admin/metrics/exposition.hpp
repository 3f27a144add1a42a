// Writes the Prometheus text format 0.0.4: HELP and TYPE once per family, labels escaped.
//
// Most series of most services never move: in a family with a value at rest they are left out until
// they have been seen at another (docs/admin-api.md says which families those are).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace switchback::metrics {

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

// Series that have been seen to move, from one scrape to the next: a gauge that has come back to
// rest stays. Bounded; when it is full (names of servers come and go) it begins anew.
class Moved {
 public:
  static constexpr std::size_t most = 200'000;
  void add(std::string_view series) {
    if (seen_.size() >= most) seen_.clear();
    seen_.insert(hash(series));
  }
  bool has(std::string_view series) const { return seen_.contains(hash(series)); }

 private:
  static std::size_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }
  std::unordered_set<std::size_t> seen_;
};

class Exposition {
 public:
  // `moved`: kept by reference; null: what is at rest is left out whatever it was before.
  explicit Exposition(Moved* moved = nullptr) : moved_(moved) {}

  // Begins a family; the samples that follow belong to it. `type`: counter, gauge, histogram.
  // `rest`: the value of a series that has never moved, which is left out; none: all are there.
  void family(std::string_view name, std::string_view type, std::string_view help,
              std::optional<double> rest = {});
  void sample(Labels labels, double value);
  void sample(Labels labels, std::uint64_t value);
  // `suffix`: "_bucket", "_sum", "_count".
  void sample(std::string_view suffix, Labels labels, double value);
  void sample(std::string_view suffix, Labels labels, std::uint64_t value);

  void bucket(std::span<const Label> labels, std::uint64_t value);  // "_bucket"

  std::string take() { return std::move(text_); }

 private:
  void head(std::string_view suffix, std::span<const Label> labels);
  bool left_out(std::size_t begin, double value);
  Moved* moved_;
  std::string text_;
  std::string name_;
  std::optional<double> rest_;
};

// For `rest`.
inline constexpr double zero = 0;

// \ " and line feed, as label values want it.
std::string escape_label(std::string_view value);
// Shortest text that reads back as the same number.
std::string number_text(double value);

}  // namespace switchback::metrics
