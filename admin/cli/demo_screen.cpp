#include "admin/cli/demo_screen.hpp"

#include "admin/cli/json_view.hpp"

namespace switchback::cli {
namespace {

std::string letter_of(const std::string& second, const Style& style) {
  if (second == "blue") return paint(style, "blue", "B");
  if (second == "green") return paint(style, "green", "G");
  if (second == "both") return "*";
  if (second == "failed") return paint(style, "red", "!");
  return ".";
}

std::string describe_last_flip(const DemoView& view, const Style& style) {
  if (view.last_flip.empty()) return "none yet";
  const auto& flip = view.last_flip;
  std::string out = text_of(flip, "kind") + " to " +
                    side(style, text_of(flip, "to"), text_of(flip, "to_release"));
  if (const auto at = ulid_time_ms(text_of(flip, "flip")))
    out += ", " + format_age(view.now_ms - *at);
  const auto& stages = object_of(flip, "stages_ms");
  if (const auto ms = number_of(stages, "switched")) out += ", switched in " + format_ms(*ms);
  if (const auto ms = number_of(stages, "drained")) out += ", drained in " + format_ms(*ms);
  return out;
}

// Columns that a text takes: escape sequences take none, UTF-8 continuation bytes neither.
std::size_t columns_of(const std::string& text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : "   ") + part;
  return out;
}

void add_addresses(const DemoView& view, const Style& style, std::vector<std::string>& lines) {
  lines.push_back(paint(style, "bold", "switchback demo") + "   " + view.proxy +
                  "   (open it in a browser)");
  lines.push_back("admin           " + joined(view.admin));
  lines.push_back("");
}

void add_commands(const DemoView& view, std::vector<std::string>& lines) {
  lines.push_back("type in another terminal:");
  for (const auto& command : view.commands) lines.push_back("  " + command);
  lines.push_back("");
  lines.push_back("Ctrl-C ends it and leaves nothing behind.");
}

}  // namespace

std::string second_of(const demo::TrafficSample& sample) {
  if (sample.failed > 0) return "failed";
  if (sample.blue > 0 && sample.green > 0) return "both";
  if (sample.blue > 0) return "blue";
  return sample.green > 0 ? "green" : "none";
}

std::vector<std::string> render_demo_opening(const DemoView& view, const Style& style) {
  std::vector<std::string> lines;
  add_addresses(view, style, lines);
  add_commands(view, lines);
  return lines;
}

std::vector<std::string> render_demo_block(const DemoView& view, const Style& style) {
  const auto& traffic = view.traffic;
  std::vector<std::string> lines;
  add_addresses(view, style, lines);
  lines.push_back("answering now   " + (traffic.last_color.empty() ? std::string("nobody yet")
                                                                   : side(style, traffic.last_color,
                                                                          traffic.last_release)));
  lines.push_back("traffic         " + format_count(traffic.blue + traffic.green, "answer") +
                  " in the last second, " + format_count(traffic.streams_open, "stream") +
                  " open, p50 " + format_ms(traffic.p50_ms) + ", max " + format_ms(traffic.max_ms));
  std::string failures =
      std::to_string(traffic.total_failed) + " of " + format_count(traffic.total, "request");
  if (!traffic.last_failure.empty()) failures += "   (last: " + traffic.last_failure + ")";
  lines.push_back("failed          " +
                  (traffic.total_failed > 0 ? paint(style, "red", failures) : failures));
  lines.push_back("last flip       " + describe_last_flip(view, style));
  std::string trail;
  for (const auto& second : view.trail) trail += letter_of(second, style);
  lines.push_back("last minute     " + trail);
  lines.push_back("                B blue  G green  * both, the second of a flip  ! a failure");
  lines.push_back("");
  add_commands(view, lines);
  return lines;
}

std::size_t rows_of(const std::vector<std::string>& lines, std::size_t columns) {
  std::size_t rows = 0;
  for (const auto& line : lines) {
    const auto width = columns_of(line);
    rows += columns == 0 || width == 0 ? 1 : (width + columns - 1) / columns;
  }
  return rows;
}

std::string render_demo_line(const DemoView& view) {
  const auto& traffic = view.traffic;
  return "now " +
         (traffic.last_color.empty() ? std::string("nobody")
                                     : side({}, traffic.last_color, traffic.last_release)) +
         "   blue " + std::to_string(traffic.blue) + "/s   green " + std::to_string(traffic.green) +
         "/s   failed " + std::to_string(traffic.total_failed) + " of " +
         std::to_string(traffic.total) + "   last flip: " + describe_last_flip(view, {}) + "\n";
}

}  // namespace switchback::cli
