#include "admin/cli/render.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>

#include "admin/cli/json_view.hpp"
#include "admin/cli/render_mirror.hpp"
#include "admin/cli/render_release.hpp"

namespace switchback::cli {

namespace {

// Bytes at the head of `text` that would steer a terminal rather than be seen on it: control
// characters, those of C1 (U+009B is ESC [ to some), and marks that turn the order of what follows.
std::size_t steering_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;
  const bool turns = byte(0) == 0xe2 && ((byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae) ||
                                         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9));
  return turns ? 3 : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t steering = steering_bytes(text);
    out.push_back(steering > 0 ? ' ' : text.front());
    text.remove_prefix(std::max<std::size_t>(steering, 1));
  }
  return out;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 128> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, args...);
  return buffer.data();
}

std::string from_side(const json::object& receipt, const Style& style) {
  return side(style, text_of(receipt, "from"), text_of(receipt, "from_release"));
}

std::string to_side(const json::object& receipt, const Style& style) {
  return side(style, text_of(receipt, "to"), text_of(receipt, "to_release"));
}

std::string describe_in_flight(const json::object& in_flight) {
  std::string out;
  for (const char* name : {"request", "stream", "tunnel"}) {
    const auto n = count_of(in_flight, name);
    if (n == 0) continue;
    if (!out.empty()) out += ", ";
    out += format_count(n, name);
  }
  return out;
}

std::string age_of(const json::object& receipt, std::int64_t now_ms) {
  const auto at = ulid_time_ms(text_of(receipt, "flip"));
  return at ? format_age(now_ms - *at) : std::string();
}

// "promote BLUE v1.2 -> GREEN v1.3"
std::string movement(const json::object& receipt, const Style& style) {
  return text_of(receipt, "kind", "flip") + " " + from_side(receipt, style) + " -> " +
         to_side(receipt, style);
}

std::string who_and_why(const json::object& receipt) {
  std::string out;
  if (const auto actor = text_of(receipt, "actor"); !actor.empty())
    out += " by " + printable(actor);
  if (const auto reason = text_of(receipt, "reason"); !reason.empty()) {
    out += ": \"" + printable(reason) + "\"";
  }
  return out;
}

std::uint64_t total_of(const json::object& receipt, std::string_view outcome) {
  std::uint64_t sum = 0;
  for (const auto& [name, value] : object_of(receipt, "counts")) {
    if (value.is_object()) sum += count_of(value.get_object(), outcome);
  }
  return sum;
}

// What is to be said of a server besides its health: that real requests took it out, or that it
// does not have its full share yet.
std::string describe_standing(const json::object& server) {
  const std::string address = "          " + printable(text_of(server, "address"));
  const std::uint64_t out_ms = count_of(server, "ejected_ms");
  if (out_ms > 0) {
    return address + "  EJECTED: " + printable(text_of(server, "ejection")) + ", back in " +
           std::to_string((out_ms + 999) / 1000) + " s\n";
  }
  const std::string failure = printable(text_of(server, "last_failure"));
  if (const std::uint64_t failures = count_of(server, "failures"); failures > 0) {
    return address + "  " + std::to_string(failures) +
           (failures == 1 ? " request" : " requests in a row") + " failed, the last: " + failure +
           "\n";
  }
  const std::uint64_t share = count_of(server, "share"), weight = count_of(server, "weight");
  if (!server.contains("share") || share == 100) return "";
  if (weight == 0) return address + "  weight 0: takes no new requests\n";
  if (share == 0) return "";  // its health says why
  return address + "  slow start: " + std::to_string(share) + " % of its weight\n";
}

// Of names that answer well there is nothing to say but what they stand for.
std::string render_names(const json::object& pool) {
  std::string text;
  for (const auto& value : array_of(pool, "names")) {
    if (!value.is_object()) continue;
    const auto& name = value.get_object();
    const auto error = text_of(name, "error");
    const auto count = array_of(name, "addresses").size();
    text += "          " + printable(text_of(name, "name")) + "  " +
            (count == 1 ? "1 address" : std::to_string(count) + " addresses");
    text += error.empty()
                ? ", TTL " + format_ms(number_of(name, "ttl_left_ms").value_or(0)) + " left"
                : "  DNS: " + printable(error);
    text += "\n";
  }
  return text;
}

std::string render_pool(std::string_view color, const json::object& service, const Style& style) {
  const auto& pool = object_of(object_of(service, "pools"), color);
  const auto& servers = array_of(pool, "servers");
  const bool active = text_of(service, "active") == color;
  std::size_t healthy = 0;
  std::string sick;
  for (const auto& value : servers) {
    if (!value.is_object()) continue;
    const auto& server = value.get_object();
    sick += describe_standing(server);
    if (flag_of(server, "healthy")) {
      ++healthy;
      continue;
    }
    const auto reason = text_of(server, "reason", "not checked yet");
    sick += "          " + printable(text_of(server, "address")) +
            "  NOT HEALTHY: " + printable(reason.empty() ? "not checked yet" : reason) + "\n";
  }
  const auto release = text_of(object_of(service, "releases"), color);
  const std::string name = upper(color) + (release.empty() ? "" : " " + printable(release));
  std::string line =
      "  " + paint(style, color, padded(name, 14)) + (active ? " ACTIVE   " : " standby  ");
  line += servers.empty() ? "no servers"
                          : std::to_string(healthy) + " of " +
                                format_count(servers.size(), "server") + " healthy";
  const auto in_flight = describe_in_flight(object_of(pool, "in_flight"));
  if (flag_of(pool, "draining")) line += "   draining";
  if (!in_flight.empty()) line += "   in flight: " + in_flight;
  if (const auto waiting = count_of(pool, "waiting")) {
    line += "   waiting for a connection: " + std::to_string(waiting);
  }
  if (flag_of(pool, "panic")) {
    line += "   PANIC: those that fail their checks are used, for want of others";
  }
  return line + "\n" + sick + render_names(pool);
}

struct StageLine {
  const char* key;
  const char* label;
};
constexpr std::array<StageLine, 7> stage_lines{{{"decided", "decided"},
                                                {"persisted", "persisted"},
                                                {"switched", "switched"},
                                                {"first_new", "first new"},
                                                {"last_old", "last old"},
                                                {"drained", "drained"},
                                                {"verified", "verified"}}};

std::string stage_remark(std::string_view key, const json::object& receipt) {
  const auto from = upper(text_of(receipt, "from"));
  const auto to = upper(text_of(receipt, "to"));
  if (key == "persisted" && !flag_of(receipt, "durable", true)) {
    return "NOT on disk yet; a loss of power would undo it";
  }
  if (key == "switched") return "every worker sends new requests to " + to;
  if (key == "first_new") return "first answer from " + to;
  if (key == "last_old") return "last request on " + from + " ended";
  if (key == "drained") return "nothing is left on " + from;
  return "";
}

}  // namespace

std::string format_ms(double milliseconds) {
  if (milliseconds < 1) return print("%.2f ms", milliseconds);
  if (milliseconds < 10) return print("%.1f ms", milliseconds);
  if (milliseconds < 1000) return print("%.0f ms", milliseconds);
  if (milliseconds < 60'000) return print("%.1f s", milliseconds / 1000);
  const auto seconds = static_cast<long long>(std::llround(milliseconds / 1000));
  return print("%lld min %lld s", seconds / 60, seconds % 60);
}

std::string format_age(std::int64_t milliseconds) {
  const auto seconds = milliseconds / 1000;
  if (seconds < 1) return "just now";
  if (seconds < 120) return print("%lld s ago", static_cast<long long>(seconds));
  if (seconds < 7200) return print("%lld min ago", static_cast<long long>(seconds / 60));
  if (seconds < 172'800) return print("%lld h ago", static_cast<long long>(seconds / 3600));
  return print("%lld d ago", static_cast<long long>(seconds / 86'400));
}

std::string format_count(std::uint64_t n, std::string_view noun) {
  return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

std::string paint(const Style& style, std::string_view color_name, std::string_view text) {
  if (!style.color) return std::string(text);
  const char* code = color_name == "blue"    ? "\x1b[1;34m"
                     : color_name == "green" ? "\x1b[1;32m"
                     : color_name == "red"   ? "\x1b[1;31m"
                                             : "\x1b[1m";
  return code + std::string(text) + "\x1b[0m";
}

std::string side(const Style& style, std::string_view color_name, std::string_view release) {
  std::string name = upper(color_name);
  if (!release.empty()) name += " " + printable(release);
  return paint(style, color_name, name);
}

std::optional<std::int64_t> ulid_time_ms(std::string_view ulid) {
  static constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  if (ulid.size() != 26) return std::nullopt;
  std::int64_t time = 0;
  for (const char c : ulid.substr(0, 10)) {
    const auto digit = digits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
    if (digit == std::string_view::npos) return std::nullopt;
    time = time * 32 + static_cast<std::int64_t>(digit);
  }
  return time;
}

std::string render_service(const json::object& service, const Style& style, std::int64_t now_ms) {
  const auto name = text_of(service, "service");
  const auto active = text_of(service, "active");
  const auto& releases = object_of(service, "releases");
  std::string out = name + "   " + side(style, active, text_of(releases, active)) +
                    " is active   (epoch " + std::to_string(count_of(service, "epoch")) + ")\n";
  if (flag_of(service, "paused")) {
    out += "  PAUSED: " + format_count(count_of(service, "waiting"), "request") +
           " waiting at the door; open it: switchback resume " + name + style.admin_flag + "\n";
  }
  out += render_hold_line(service, style);
  out += render_pool("blue", service, style) + render_pool("green", service, style);
  out += render_mirror_line(service);
  out += render_null_flip_line(service);
  const auto& last = object_of(service, "last_flip");
  if (last.empty()) return out + "  last flip      none yet\n";
  out += "  last flip      " + movement(last, style);
  if (const auto age = age_of(last, now_ms); !age.empty()) out += ", " + age;
  out += who_and_why(last) + "\n";
  return out;
}

std::string render_services(const json::array& services, const Style& style, std::int64_t now_ms) {
  std::string out;
  for (const auto& value : services) {
    if (!value.is_object()) continue;
    if (!out.empty()) out += "\n";
    out += render_service(value.get_object(), style, now_ms);
  }
  return out.empty() ? "no services\n" : out;
}

std::string render_alarms(const json::array& alarms, const Style& style) {
  std::string out;
  for (const auto& value : alarms) {
    if (!value.is_object()) continue;
    const auto& alarm = value.get_object();
    out += paint(style, "red", "ALARM") + " " + printable(text_of(alarm, "code")) + ": " +
           printable(text_of(alarm, "text")) + "\n";
  }
  return out;
}

std::string render_history(const json::array& flips, const Style& style, std::int64_t now_ms) {
  std::string out;
  for (const auto& value : flips) {
    if (!value.is_object()) continue;
    const auto& receipt = value.get_object();
    const auto& stages = object_of(receipt, "stages_ms");
    out += padded(age_of(receipt, now_ms), 12) + " " + text_of(receipt, "service") + "  " +
           movement(receipt, style);
    if (const auto switched = number_of(stages, "switched")) out += "  in " + format_ms(*switched);
    out += "  " + text_of(receipt, "state");
    if (const auto failed = total_of(receipt, "failed"))
      out += "  " + std::to_string(failed) + " FAILED";
    if (const auto forced = total_of(receipt, "forced"))
      out += "  " + std::to_string(forced) + " cut";
    out += " " + who_and_why(receipt) + "\n             " + text_of(receipt, "flip") + "\n";
  }
  return out.empty() ? "no flips yet\n" : out;
}

std::string render_flip_opening(const json::object& receipt, const Style& style) {
  return text_of(receipt, "service") + ": " + movement(receipt, style) + "   (epoch " +
         std::to_string(count_of(receipt, "epoch")) + ")\n";
}

std::string render_new_stages(const json::object& before, const json::object& now,
                              const Style& style) {
  (void)style;
  const auto& old_stages = object_of(before, "stages_ms");
  const auto& new_stages = object_of(now, "stages_ms");
  std::string out;
  for (const auto& [key, label] : stage_lines) {
    const auto at = number_of(new_stages, key);
    if (!at || number_of(old_stages, key)) continue;
    out += "  " + padded(label, 10) + padded(format_ms(*at), 10);
    const auto remark = stage_remark(key, now);
    out += remark.empty() ? "" : "  " + remark;
    while (out.back() == ' ') out.pop_back();
    out += "\n";
  }
  return out;
}

std::vector<std::string> describe_counts(const json::object& counts) {
  std::vector<std::string> out;
  for (const char* name : {"request", "stream", "tunnel"}) {
    const auto& of_class = object_of(counts, name);
    const auto accepted = count_of(of_class, "accepted");
    if (accepted == 0) continue;
    std::string line = format_count(accepted, name) + ":";
    const char* separator = " ";
    for (const char* outcome :
         {"completed", "failed", "client_gone", "moved", "forced", "in_flight"}) {
      const auto n = count_of(of_class, outcome);
      if (n == 0) continue;
      std::string word(outcome);
      std::replace(word.begin(), word.end(), '_', ' ');
      line += separator + std::to_string(n) + " " + word;
      separator = ", ";
    }
    out.push_back(std::move(line));
  }
  return out;
}

std::string render_flip_closing(const json::object& receipt, const Style& style) {
  const auto service = text_of(receipt, "service");
  const auto from = upper(text_of(receipt, "from"));
  std::string out;
  for (const auto& line : describe_counts(object_of(receipt, "counts"))) {
    out += "  was on " + from + ": " + line + "\n";
  }
  for (const auto& warning : array_of(receipt, "warnings")) {
    if (warning.is_string()) {
      const auto& text = warning.get_string();
      out += "  warning: " + printable({text.data(), text.size()}) + "\n";
    }
  }
  const auto state = text_of(receipt, "state");
  const auto to = to_side(receipt, style);
  if (state == "switching") {
    out += "Traffic is MOVING to " + to + ": these workers have not passed yet:";
    for (const auto& worker : array_of(receipt, "lagging_workers")) {
      out += " " + json::serialize(worker);
    }
    out += "\n  look again: switchback status " + service + style.admin_flag + "\n";
  } else {
    out += "Traffic moved: " + to + " is active.\n";
  }
  if (!flag_of(receipt, "durable", true)) {
    out += "  NOT WRITTEN to disk yet: a loss of power would undo this; it is being made good.\n";
  }
  if (text_of(receipt, "kind") == "promote") {
    out += "  to go back: switchback rollback " + service + style.admin_flag + "\n";
  }
  return out;
}

std::string render_already(const json::object& receipt, const Style& style) {
  const auto service = text_of(receipt, "service");
  std::string out = service + ": " + to_side(receipt, style) +
                    " is active already. Nothing to do; traffic did not move.\n";
  return out;
}

std::string render_problem(const json::object& problem, const Style& style,
                           std::string_view stays) {
  const bool moved = flag_of(problem, "moved");
  auto title = printable(text_of(problem, "title", "refused"));
  const auto detail = printable(text_of(problem, "detail"));
  std::string out = paint(style, "red", "refused") + ": " + title + "\n";
  if (!detail.empty() && detail != title) out += "  " + detail + "\n";
  if (moved) {
    out += "  Traffic DID move before this went wrong.\n";
  } else {
    out += "  Traffic did not move";
    out += stays.empty() ? ".\n" : "; " + std::string(stays) + " stays active.\n";
  }
  if (const auto next = printable(text_of(problem, "next")); !next.empty()) {
    out += "  next: " + next + (next.starts_with("switchback ") ? style.admin_flag : "") + "\n";
  }
  return out;
}

std::string render_event(std::string_view type, const json::object& data, const Style& style) {
  std::string out = padded(printable(type), 16) + " ";
  if (type.starts_with("flip.")) {
    out += text_of(data, "service") + "  " + movement(data, style) + "  " + text_of(data, "flip");
    const auto stage = std::string(type.substr(5));
    if (const auto at = number_of(object_of(data, "stages_ms"), stage))
      out += "  " + format_ms(*at);
    return out + "\n";
  }
  for (const auto& [key, value] : data) {
    out += std::string(key) + "=";
    out += value.is_string() ? printable(std::string(value.get_string().c_str()))
                             : json::serialize(value);
    out += " ";
  }
  while (out.back() == ' ') out.pop_back();
  return out + "\n";
}

}  // namespace switchback::cli
