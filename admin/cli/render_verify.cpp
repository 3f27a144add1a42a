#include "admin/cli/render_verify.hpp"

#include <algorithm>

#include "admin/cli/json_view.hpp"
#include "admin/cli/render.hpp"

namespace switchback::cli {
namespace {

// What a server said must not steer the terminal it is shown on.
std::string shown(const std::string& text) {
  return printable(std::string_view(text).substr(0, 200));
}

const json::array& array_of(const json::object& object, const char* name) {
  static const json::array none;
  const auto* value = object.if_contains(name);
  return value && value->is_array() ? value->get_array() : none;
}

std::string check_lines(const json::array& checks, bool failing_only) {
  std::size_t width = 0;
  for (const auto& value : checks)
    if (value.is_object()) width = std::max(width, text_of(value.get_object(), "name").size());
  std::string out;
  for (const auto& value : checks) {
    if (!value.is_object()) continue;
    const auto& check = value.get_object();
    const bool ok = flag_of(check, "ok");
    if (ok && failing_only) continue;
    out += "  " + padded(text_of(check, "name"), width) + (ok ? "  ok    " : "  FAIL  ") +
           shown(text_of(check, "observed"));
    const auto expected = text_of(check, "expected");
    if (!ok && !expected.empty()) out += "; expected " + shown(expected);
    const auto server = text_of(check, "server");
    if (!ok && !server.empty()) out += " (" + shown(server) + ")";
    out += "\n";
  }
  return out;
}

}  // namespace

std::string render_verify(const json::object& standing, const json::object& known,
                          const Style& style) {
  std::string out = text_of(standing, "service") + ": " +
                    side(style, text_of(standing, "color"), text_of(standing, "release")) + ": " +
                    std::to_string(count_of(standing, "passed")) + " of " +
                    format_count(count_of(standing, "total"), "check") + " passed; identity " +
                    text_of(standing, "identity") + "\n" +
                    check_lines(array_of(standing, "checks"), false);
  const auto& verdict = object_of(known, "verdict");
  if (!verdict.empty()) {
    out += std::string(flag_of(verdict, "watching") ? "watching " : "last watched ") +
           side(style, text_of(verdict, "subject"), text_of(verdict, "release")) + ": " +
           shown(text_of(verdict, "text")) + "\n";
  }
  return out;
}

std::string render_verification(const json::object& receipt) {
  const auto& verification = object_of(receipt, "verification");
  if (verification.empty()) return {};
  const auto state = text_of(verification, "state");
  const auto label = shown(text_of(verification, "label"));
  const auto service = text_of(receipt, "service");
  if (state == "verified") return "  verified: " + label + "\n";
  if (state == "verifying")
    return "  not verified yet; to see: switchback history " + service + "\n";
  std::string out = "  " + (state == "regressed" ? std::string("NOT GOOD") : state) + ": " + label +
                    "\n" + check_lines(array_of(verification, "checks"), true);
  if (state == "regressed" || state == "unverified")
    out += "  to look again: switchback verify " + service + " --color active\n";
  return out;
}

}  // namespace switchback::cli
