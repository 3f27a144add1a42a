#include "admin/releases/model.hpp"

namespace switchback::releases {
namespace {
constexpr std::string_view names[] = {"registered", "staged",      "fit",           "active_baking",
                                      "active",     "standby_fit", "standby_unfit", "retired",
                                      "rejected",   "rolled_back", "lost"};
}

std::string_view to_string(State state) {
  return names[static_cast<std::size_t>(state)];
}

std::optional<State> state_from(std::string_view text) {
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == text) return static_cast<State>(i);
  return std::nullopt;
}

std::string Fitness::why_not() const {
  if (servers == 0) return "it has no server that takes requests";
  if (healthy == 0) return "no server of it is healthy";
  if (verification && !verification->ok) return verification->text;
  return "";
}

}  // namespace switchback::releases
