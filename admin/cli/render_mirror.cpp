#include "admin/cli/render_mirror.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "admin/cli/json_view.hpp"

namespace switchback::cli {

namespace {

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

// "8 status, 2 body": what is not 0, most frequent first; "" when all is.
std::string listed(const json::object& counts, std::initializer_list<std::string_view> names = {}) {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& [key, value] : counts) {
    const bool wanted = names.size() == 0 ||
                        std::find(names.begin(), names.end(), std::string_view(key)) != names.end();
    const std::uint64_t n = wanted ? count_of(counts, key) : 0;
    if (n > 0) found.emplace_back(n, std::string(key));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string out;
  for (auto& [n, name] : found) {
    std::replace(name.begin(), name.end(), '_', ' ');
    out += (out.empty() ? "" : ", ") + grouped(n) + " " + name;
  }
  return out;
}

std::string latency_of(const json::object& percentiles) {
  const auto p50 = number_of(percentiles, "p50"), p99 = number_of(percentiles, "p99");
  if (!p50 || !p99) return "unknown";
  return "p50 " + format_ms(*p50) + ", p99 " + format_ms(*p99);
}

std::string compared_line(const json::object& mirror) {
  const std::uint64_t compared = count_of(mirror, "compared");
  const auto& results = object_of(mirror, "results");
  if (compared == 0) return "  nothing compared yet\n";
  std::string line = "  " + grouped(compared) + " compared: ";
  const std::uint64_t equal = count_of(results, "equal");
  if (equal == compared) {
    line += "all equal";
  } else {
    line += grouped(equal) + " equal, " + listed(results, {"status", "header", "body"});
    const auto headers = listed(object_of(mirror, "headers"));
    if (!headers.empty()) line += "   (fields: " + headers + ")";
  }
  return line + "\n";
}

std::string side_of(const json::object& sample, const char* side) {
  const auto status = number_of(object_of(sample, "status"), side);
  if (!status) return "no answer";
  std::string out = std::to_string(static_cast<int>(*status));
  if (number_of(object_of(sample, "bytes"), side)) {
    out += ", " + format_count(count_of(object_of(sample, "bytes"), side), "byte");
  }
  if (const auto ms = number_of(object_of(sample, "latency_ms"), side))
    out += ", " + format_ms(*ms);
  return out;
}

std::string printable_start(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  if (text.size() > 100) text = text.substr(0, 97) + "...";
  return text;
}

std::string sample_lines(const json::object& sample, const std::string& active,
                         const std::string& standby, std::int64_t now_ms) {
  std::string what = text_of(sample, "result");
  if (const auto header = text_of(sample, "header"); !header.empty()) what += " " + header;
  if (const auto cause = text_of(sample, "cause"); !cause.empty()) what += ": " + cause;
  if (flag_of(sample, "slower")) what = what == "equal" ? "slower" : what + ", slower";
  std::replace(what.begin(), what.end(), '_', ' ');
  const auto at = rfc3339_ms(text_of(sample, "at"));
  std::string out = "    " + printable_start(what) + "   " + text_of(sample, "method") + " " +
                    printable_start(text_of(sample, "target"));
  if (at) out += "   " + format_age(now_ms - *at);
  return out + "\n      " + active + " " + side_of(sample, "active") + "   " + standby + " " +
         side_of(sample, "standby") + "   id " + printable_start(text_of(sample, "request_id")) +
         "\n";
}

std::string heading(const json::object& mirror, const Style& style, std::int64_t now_ms) {
  const auto& releases = object_of(mirror, "releases");
  std::string out = text_of(mirror, "service") + "   " +
                    std::to_string(count_of(mirror, "percent")) + " % of requests copied to " +
                    side(style, text_of(mirror, "standby"), text_of(releases, "standby")) +
                    ", compared with " +
                    side(style, text_of(mirror, "active"), text_of(releases, "active"));
  const auto since = rfc3339_ms(text_of(mirror, "since"));
  if (since) out += "   (begun " + format_age(now_ms - *since) + ")";
  return out + "\n";
}

}  // namespace

std::string grouped(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, ",");
  return out;
}

std::optional<std::int64_t> rfc3339_ms(std::string_view text) {
  int year, month, day, hour, minute, second, used = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                  &second, &used) != 6) {
    return std::nullopt;
  }
  using namespace std::chrono;
  const year_month_day date{std::chrono::year{year},
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  int fraction = 0;
  if (copy.size() > static_cast<std::size_t>(used) + 3 && copy[used] == '.') {
    std::sscanf(copy.c_str() + used, ".%3d", &fraction);
  }
  const auto days = sys_days(date).time_since_epoch().count();
  return ((days * 24LL + hour) * 60 + minute) * 60'000LL + second * 1000LL + fraction;
}

std::string render_mirror(const json::object& mirror, const Style& style, std::int64_t now_ms,
                          std::size_t most_samples) {
  if (count_of(mirror, "percent") == 0) {
    return text_of(mirror, "service") + "   mirroring is off (services." +
           text_of(mirror, "service") + ".mirror.percent is 0)\n";
  }
  const auto active = text_of(mirror, "active"), standby = text_of(mirror, "standby");
  const auto& results = object_of(mirror, "results");
  std::string out = heading(mirror, style, now_ms) + compared_line(mirror);
  const auto& latency = object_of(mirror, "latency_ms");
  if (count_of(mirror, "compared") > 0) {
    out += "  first byte: " + standby + " " + latency_of(object_of(latency, "standby")) +
           " against " + active + " " + latency_of(object_of(latency, "active"));
    if (const auto slower = count_of(mirror, "slower"))
      out += "; " + grouped(slower) + " much slower";
    out += "\n";
  }
  if (const auto failed = count_of(results, "copy_failed")) {
    out += "  " + paint(style, "red", grouped(failed) + " FAILED on " + upper(standby)) + ": " +
           listed(object_of(mirror, "failures")) + "\n";
  }
  if (const auto failed = count_of(results, "original_failed")) {
    out += "  " + grouped(failed) + " failed on " + upper(active) + " itself\n";
  }
  if (const auto why = listed(object_of(mirror, "dropped")); !why.empty()) {
    out += "  not compared: " + why + "\n";
  }
  if (const auto why = listed(object_of(mirror, "not_copied")); !why.empty()) {
    out += "  not copied: " + why + "\n";
  }
  const auto& samples = array_of(mirror, "samples");
  if (!samples.empty() && most_samples > 0) out += "  newest differences:\n";
  for (std::size_t i = 0; i < std::min(samples.size(), most_samples); ++i) {
    if (samples[i].is_object()) {
      out += sample_lines(samples[i].get_object(), active, standby, now_ms);
    }
  }
  return out;
}

std::string render_mirror_line(const json::object& service) {
  const auto& mirror = object_of(service, "mirror");
  if (mirror.empty()) return "";
  const std::uint64_t compared = count_of(mirror, "compared"), equal = count_of(mirror, "equal");
  std::string out = "  mirror         " + std::to_string(count_of(mirror, "percent")) + " % to " +
                    upper(text_of(mirror, "standby")) + ": " + grouped(compared) + " compared, ";
  out +=
      equal == compared ? "all equal" : grouped(compared - std::min(equal, compared)) + " differ";
  if (const auto failed = count_of(mirror, "copy_failed"))
    out += ", " + grouped(failed) + " failed";
  return out + "   (switchback mirror " + text_of(service, "service") + ")\n";
}

}  // namespace switchback::cli
