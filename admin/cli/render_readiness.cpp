#include "admin/cli/render_readiness.hpp"

#include <array>
#include <cstdio>

#include "admin/cli/json_view.hpp"
#include "admin/cli/render_release.hpp"

namespace switchback::cli {
namespace {

struct Shown {
  const char* key;
  const char* label;
};
constexpr std::array<Shown, 5> questions = {{{"who", "1 WHO"},
                                             {"how", "2 HOW"},
                                             {"time", "3 TIME"},
                                             {"data", "4 DATA"},
                                             {"verify", "5 VERIFY"}}};

std::string grade_word(const std::string& grade) {
  if (grade == "fail") return "FAIL";
  if (grade == "unknown") return "????";
  if (grade == "none") return "--";
  return grade;
}

std::string question_block(const Shown& shown, const json::object& answer) {
  char begin[32];
  std::snprintf(begin, sizeof begin, "%-9s %-5s", shown.label,
                grade_word(text_of(answer, "grade")).c_str());
  std::string out;
  const std::string indent(15, ' ');
  bool first = true;
  for (const char* part : {"trouble", "lines"}) {
    for (const auto& value : array_of(answer, part)) {
      const auto* text = value.if_string();
      if (!text) continue;
      out += (first ? std::string(begin) : indent) + (*part == 't' ? "! " : "") +
             printable({text->data(), text->size()}) + "\n";
      first = false;
    }
  }
  return out;
}

}  // namespace

std::string render_readiness(const json::object& r, const Style& style, std::int64_t now_ms) {
  const auto overall = text_of(r, "overall");
  const char* paint_name = overall == "READY" ? "green" : "red";
  std::string out = text_of(r, "service") + "   active " +
                    side(style, text_of(r, "active"), text_of(r, "release"));
  if (const auto since = time_ms(text_of(r, "since")); since != 0)
    out += " (since " + format_age(now_ms - since) +
           (text_of(r, "baking_until").empty() ? "" : ", being watched") + ")";
  const auto target = text_of(r, "target");
  out +=
      "   rollback target " +
      (target.empty() ? std::string("none") : side(style, target, text_of(r, "target_release"))) +
      "   " + paint(style, paint_name, overall) + "\n";
  for (const Shown& shown : questions)
    out += question_block(shown, object_of(object_of(r, "questions"), shown.key));
  if (const auto verdict = text_of(r, "verdict"); !verdict.empty())
    out += "VERDICT        " + printable(verdict) + "\n";
  out += "WAITING COSTS  " + printable(text_of(r, "cost_of_waiting")) + "\n";
  const auto& share = object_of(r, "ready_30d");
  const auto gaps = count_of(share, "gaps");
  char line[96];
  std::snprintf(line, sizeof line, "READY 30 d     %.4g %%   ",
                number_of(share, "share").value_or(0) * 100);
  out += line + format_count(gaps, "gap");
  std::string by;
  for (const auto& one : object_of(share, "by_question"))
    by += (by.empty() ? " (" : ", ") + std::string(one.key()) + " " + json::serialize(one.value());
  out += by + (by.empty() ? "" : ")") + "   watched for " +
         format_ms(number_of(share, "watched_ms").value_or(0)) + "\n";
  const auto& gap = object_of(r, "gap");
  if (!gap.empty()) {
    out +=
        "GAP SINCE      " + text_of(gap, "from") + ": " + printable(text_of(gap, "reason")) + "\n";
  }
  return out;
}

}  // namespace switchback::cli
