#include "admin/cli/render_bake.hpp"

#include <cstdio>

#include "admin/cli/json_view.hpp"

namespace switchback::cli {
namespace {

std::string line(const char* label, const std::string& text) {
  if (text.empty()) return "";
  char begin[24];
  std::snprintf(begin, sizeof begin, "  %-12s", label);
  return begin + printable(text) + "\n";
}

std::string named(const json::object& of, const Style& style) {
  return side(style, text_of(of, "color"), text_of(of, "release"));
}

}  // namespace

std::string render_bake(const json::object& bake, const Style& style) {
  const auto& window = object_of(bake, "window");
  const std::string service = text_of(bake, "service");
  if (window.empty()) {
    return service +
           ": no release has been watched yet. A promote opens a window where `verify` has "
           "traffic streams or paired probes.\n";
  }
  const bool open = flag_of(window, "open");
  std::string out = service + "   " + named(window, style) + "   " +
                    (open ? "WATCHED until " + text_of(window, "until")
                          : "watched, " + text_of(window, "outcome")) +
                    "   mode " + text_of(window, "mode") + "\n";
  out += line("verdict", text_of(window, "verdict"));
  out += line("warned", text_of(window, "warned_at"));
  out += line("regressed", text_of(window, "regressed_at"));
  out += line("would have", text_of(window, "would_go_back_at").empty()
                                ? ""
                                : "gone back at " + text_of(window, "would_go_back_at"));
  out += line("objections", text_of(window, "objections"));
  out += line("rollback", text_of(window, "rollback"));
  if (!open) return out;
  for (const auto& value : array_of(window, "guards")) {
    if (!value.is_object()) continue;
    const auto& guard = value.get_object();
    const bool ok = flag_of(guard, "ok");
    char begin[40];
    std::snprintf(begin, sizeof begin, "  %-4s %-11s ", ok ? "ok" : "NO",
                  text_of(guard, "name").c_str());
    out += begin + printable(text_of(guard, "text")) + "\n";
  }
  return out;
}

std::string render_bake_audit(const json::object& audit, const Style& style) {
  std::string out = std::to_string(count_of(audit, "watched")) + " releases watched (" +
                    std::to_string(count_of(audit, "needed")) +
                    " needed for a judgement): " + std::to_string(count_of(audit, "would")) +
                    " alarms, " + std::to_string(count_of(audit, "confirmed")) + " confirmed, " +
                    std::to_string(count_of(audit, "false_alarms")) + " false, " +
                    std::to_string(count_of(audit, "missed")) + " missed\n";
  for (const auto& value : array_of(audit, "releases")) {
    if (!value.is_object()) continue;
    const auto& one = value.get_object();
    const std::string would = text_of(one, "would_go_back_at");
    const auto person = number_of(one, "person_after_ms");
    out += "  " + text_of(one, "since") + "  " + text_of(one, "service") + " " + named(one, style) +
           "  " + text_of(one, "judgement") +
           (would.empty() ? "" : ", would have gone back at " + would) +
           (person ? ", a person did after " + format_ms(*person) : "") + "\n";
  }
  return out + text_of(audit, "advice") + "\n";
}

}  // namespace switchback::cli
