#include "admin/cli/render_release.hpp"

#include <cstdio>
#include <ctime>

#include "admin/cli/json_view.hpp"

namespace switchback::cli {

std::int64_t time_ms(const std::string& text) {
  std::tm parts{};
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
    return 0;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<std::int64_t>(::timegm(&parts)) * 1000;
}

namespace {

std::string age_of_time(const json::object& object, std::string_view key, std::int64_t now_ms) {
  const auto at = time_ms(text_of(object, key));
  return at == 0 ? std::string() : format_age(now_ms - at);
}

std::string rate(double rps) {
  char text[32];
  std::snprintf(text, sizeof text, rps < 10 ? "%.1f" : "%.0f", rps);
  return text;
}

std::string fitness_line(const json::object& fitness) {
  std::string out = std::to_string(count_of(fitness, "healthy")) + "/" +
                    std::to_string(count_of(fitness, "servers")) + " servers healthy";
  const auto proven = number_of(fitness, "proven_rps");
  out += proven ? ", has really taken " + rate(*proven) + " requests/s" : ", capacity not measured";
  if (const auto needed = number_of(fitness, "needed_rps"); needed && *needed > 0)
    out += " (needed now: " + rate(*needed) + ")";
  const auto why = text_of(fitness, "why_not");
  return why.empty() ? out : out + "; NOT FIT: " + printable(why);
}

std::string held_text(const json::object& hold) {
  const auto until = text_of(hold, "until");
  const auto reason = text_of(hold, "reason");
  return "by " + printable(text_of(hold, "actor")) + (until.empty() ? "" : " until " + until) +
         (reason.empty() ? "" : ": " + printable(reason));
}

std::string stage_line(const json::object& stages, const char* name, const char* shown) {
  const auto& stage = object_of(stages, name);
  const auto n = count_of(stage, "n");
  if (n == 0) return "";
  return std::string("    ") + padded(shown, 34) + "median " +
         padded(format_ms(number_of(stage, "median_ms").value_or(0)), 10) + "p95 " +
         padded(format_ms(number_of(stage, "p95_ms").value_or(0)), 10) + "max " +
         padded(format_ms(number_of(stage, "max_ms").value_or(0)), 10) + "n=" + std::to_string(n) +
         "\n";
}

std::string durations_of_kind(const json::object& answer, const char* kind, const char* title,
                              std::int64_t now_ms) {
  const auto& times = object_of(answer, kind);
  const auto n = count_of(times, "n");
  if (n == 0) return std::string("  ") + padded(title, 14) + "not measured\n";
  std::string out = std::string("  ") + padded(title, 14) + "n=" + std::to_string(n) + ", newest " +
                    age_of_time(times, "newest", now_ms) + "\n";
  const auto& stages = object_of(times, "stages");
  out += stage_line(stages, "switched", "asked → every worker switched");
  out += stage_line(stages, "first_new", "asked → first answer of target");
  out += stage_line(stages, "last_old", "asked → last request on old");
  out += stage_line(stages, "drained", "asked → drained");
  out += stage_line(stages, "verified", "asked → verified");
  return out + "    honesty: " + text_of(times, "honesty") + "\n";
}

}  // namespace

std::string render_release(const json::object& release, const Style& style) {
  const auto color = text_of(release, "color");
  std::string out = padded(printable(text_of(release, "version")), 16) +
                    padded(text_of(release, "state"), 15) +
                    (color.empty() ? std::string("-") : paint(style, color, color));
  if (const auto reason = text_of(release, "reason"); !reason.empty())
    out += "   " + printable(reason);
  return out + "\n";
}

std::string render_warnings(const json::object& answer, const Style& style) {
  std::string out;
  for (const auto& warning : array_of(answer, "warnings"))
    if (const auto* text = warning.if_string())
      out += "  " + paint(style, "yellow", "warning") + ": " +
             printable({text->data(), text->size()}) + "\n";
  return out;
}

std::string render_releases(const json::object& answer, const Style& style, std::int64_t now_ms) {
  const auto& fitness = object_of(answer, "fitness");
  const auto active = text_of(answer, "active");
  const auto target = text_of(answer, "rollback_target");
  const std::string standby = active == "blue" ? "green" : "blue";
  std::string out = "standby " + paint(style, standby, standby) +
                    (target == standby ? " (a rollback goes there)" : "") + ": " +
                    fitness_line(object_of(fitness, standby)) + "\n";
  for (const auto& value : array_of(answer, "releases")) {
    if (!value.is_object()) continue;
    const auto& release = value.get_object();
    auto line = render_release(release, style);
    line.pop_back();
    if (const auto age = age_of_time(release, "registered", now_ms); !age.empty())
      line += "   registered " + age;
    out += line + "\n";
  }
  if (array_of(answer, "releases").empty())
    out += "no release was registered; switchback release add " + text_of(answer, "service") +
           " VERSION does\n";
  return out;
}

std::string render_hold_line(const json::object& service, const Style& style) {
  const auto& hold = object_of(service, "hold");
  if (hold.empty()) return "";
  const auto name = text_of(service, "service");
  return "  " + paint(style, "yellow", "HELD") + " " + held_text(hold) +
         "\n                 nothing is promoted; `switchback rollback " + name +
         "` works all the same\n                 lift it: switchback hold " + name + " --release" +
         style.admin_flag + "\n";
}

std::string render_hold(const json::object& answer, const Style& style) {
  const auto name = text_of(answer, "service");
  const auto& hold = object_of(answer, "hold");
  if (hold.empty()) return name + ": not held\n";
  return name + ": held " + held_text(hold) + "\n  `switchback rollback " + name +
         "` works all the same. Lift it: switchback hold " + name + " --release" +
         style.admin_flag + "\n";
}

std::string render_null_flip_line(const json::object& service) {
  const auto& last = object_of(service, "null_flip");
  if (last.empty()) return "";
  std::string out = "  null flip      #" + std::to_string(count_of(last, "number")) + " ";
  if (const auto ms = number_of(last, "ms")) return out + "took " + format_ms(*ms) + "\n";
  return out + "FAILED: " + printable(text_of(last, "fault")) + "\n";
}

std::string render_durations(const json::object& answer, std::int64_t now_ms) {
  return text_of(answer, "service") + "\n" +
         durations_of_kind(answer, "rollback", "rollbacks", now_ms) +
         durations_of_kind(answer, "drill", "drills", now_ms) +
         durations_of_kind(answer, "promote", "promotes", now_ms);
}

}  // namespace switchback::cli
