#include "config/special_values.hpp"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/decode.hpp"
#include "config/suggest.hpp"
#include "config/text_rules.hpp"
#include "config/units.hpp"

namespace switchback::config {

namespace {

bool means_off(const Node& node) {
  static constexpr std::array<std::string_view, 4> words{"false", "off", "no", "none"};
  if (node.kind != NodeKind::scalar) return false;
  if (node.text.empty()) return true;
  return node.plain && std::find(words.begin(), words.end(), node.text) != words.end();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "header NAME" or "cookie NAME" into `out`; false after a fault.
bool read_hash_text(Reading& reading, const Node& node, std::string_view text, Balance& out) {
  const auto space = text.find(' ');
  const std::string_view source = text.substr(0, space);
  const std::string_view name = space == std::string_view::npos ? "" : trimmed(text.substr(space));
  const bool known = source == "header" || source == "cookie";
  if (!known || !is_header_name(name) || name.size() > 64) {
    reading.fault(node, reading.path() + ": " + in_quotes(text) + " does not say what is hashed",
                  "write header NAME or cookie NAME, for example header X-User");
    return false;
  }
  out.policy = BalancePolicy::hash;
  out.hash_source = source == "header" ? HashSource::header : HashSource::cookie;
  out.hash_name = std::string(name);
  return true;
}

}  // namespace

void read_hash(Reading& reading, const Node& node, void* owner, const Field&) {
  const auto text = scalar_text(reading, node, "header NAME or cookie NAME");
  if (text) read_hash_text(reading, node, *text, *static_cast<Balance*>(owner));
}

void read_balance(Reading& reading, const Node& node, void* owner, const Field& field) {
  Balance& out = static_cast<Service*>(owner)->balance;
  if (node.kind == NodeKind::mapping) return reading.mapping(node, field.inner, &out);
  const auto text = scalar_text(reading, node, "a word, or {hash: header NAME}");
  if (!text) return;
  if (text->starts_with("hash:")) {
    read_hash_text(reading, node, trimmed(std::string_view(*text).substr(5)), out);
    return;
  }
  if (*text == "hash") {
    return reading.fault(node, reading.path() + ": hash needs to know of what",
                         "write {hash: header NAME} or {hash: cookie NAME}");
  }
  read_value(reading, node, out.policy, field);
}

Shown show_hash(const void* owner) {
  const auto& value = *static_cast<const Balance*>(owner);
  if (value.policy != BalancePolicy::hash) return {};
  return {(value.hash_source == HashSource::header ? "header " : "cookie ") + value.hash_name};
}

Shown show_balance(const void* owner) {
  const Balance& value = static_cast<const Service*>(owner)->balance;
  if (value.policy != BalancePolicy::hash) return {choice_text(value.policy)};
  return {"hash: " + show_hash(&value).front()};
}

void read_status(Reading& reading, const Node& node, void* owner, const Field&) {
  HealthCheck& out = *static_cast<HealthCheck*>(owner);
  const auto text = scalar_text(reading, node, "a status or a range such as 200-399");
  if (!text) return;
  const auto dash = text->find('-');
  const auto low = parse_count(std::string_view(*text).substr(0, dash));
  const auto high =
      dash == std::string::npos ? low : parse_count(std::string_view(*text).substr(dash + 1));
  const auto* first = std::get_if<std::uint64_t>(&low);
  const auto* last = std::get_if<std::uint64_t>(&high);
  if (!first || !last || *first < 200 || *last > 599 || *first > *last) {
    return reading.fault(node,
                         reading.path() + ": " + in_quotes(*text) +
                             " is not a status from 200 to 599, or a range of them",
                         "for example 204 or 200-399");
  }
  out.status_min = static_cast<unsigned>(*first);
  out.status_max = static_cast<unsigned>(*last);
}

Shown show_status(const void* owner) {
  const auto& check = *static_cast<const HealthCheck*>(owner);
  if (check.status_min == check.status_max) return {std::to_string(check.status_min)};
  return {std::to_string(check.status_min) + "-" + std::to_string(check.status_max)};
}

namespace {

// The text of a percentage, or a fault.
std::optional<unsigned> percentage(Reading& reading, const Node& node, std::string_view text) {
  const bool has_sign = text.ends_with('%');
  const auto share = parse_count(text.substr(0, text.size() - has_sign));
  const auto* value = std::get_if<std::uint64_t>(&share);
  if (has_sign && value && *value <= 100) return static_cast<unsigned>(*value);
  reading.fault(
      node,
      reading.path() + ": " + in_quotes(std::string(text)) + " is not a percentage from 0% to 100%",
      "for example 50%");
  return {};
}

}  // namespace

void read_max_ejected(Reading& reading, const Node& node, void* owner, const Field&) {
  const auto text = scalar_text(reading, node, "a percentage such as 50%");
  if (!text) return;
  if (const auto share = percentage(reading, node, *text)) {
    static_cast<Outlier*>(owner)->max_ejected = *share;
  }
}

void read_panic(Reading& reading, const Node& node, void* owner, const Field&) {
  const auto text = scalar_text(reading, node, "a percentage such as 50%, or off");
  if (!text) return;
  auto& panic = static_cast<HealthCheck*>(owner)->panic;
  if (*text == "off" || *text == "false") {
    panic.reset();
  } else if (const auto share = percentage(reading, node, *text)) {
    panic = *share;
  }
}

Shown show_panic(const void* owner) {
  const auto& panic = static_cast<const HealthCheck*>(owner)->panic;
  return {panic ? std::to_string(*panic) + "%" : "off"};
}

Shown show_max_ejected(const void* owner) {
  return {std::to_string(static_cast<const Outlier*>(owner)->max_ejected) + "%"};
}

// Octal as in chmod, whether YAML would take 0660 for a number or not: the text counts.
void read_mode(Reading& reading, const Node& node, void* owner, const Field&) {
  const auto text = scalar_text(reading, node, "a mode such as 0660");
  if (!text) return;
  unsigned mode = 0;
  bool sound = text->size() == 3 || (text->size() == 4 && text->front() == '0');
  for (const char c : *text) {
    sound = sound && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  if (!sound) {
    return reading.fault(
        node, reading.path() + ": " + in_quotes(*text) + " is not a mode from 0000 to 0777",
        "for example 0660: its owner and group may connect");
  }
  static_cast<Listener*>(owner)->mode = mode;
}

Shown show_mode(const void* owner) {
  const unsigned mode = static_cast<const Listener*>(owner)->mode;
  std::string out = "0000";
  for (int digit = 3, rest = static_cast<int>(mode); digit > 0; --digit, rest /= 8)
    out[static_cast<std::size_t>(digit)] = static_cast<char>('0' + rest % 8);
  return {out};
}

void read_workers(Reading& reading, const Node& node, void* owner, const Field& field) {
  auto& out = static_cast<Config*>(owner)->workers;
  if (node.kind == NodeKind::scalar && node.text == "auto") {
    out = 0;
    return;
  }
  read_value(reading, node, out, field);
}

Shown show_workers(const void* owner) {
  const unsigned workers = static_cast<const Config*>(owner)->workers;
  return {workers == 0 ? "auto" : std::to_string(workers)};
}

void read_or_off(Reading& reading, const Node& node, std::string& out, const Field& field) {
  if (means_off(node)) {
    out.clear();
    return;
  }
  read_value(reading, node, out, field);
}

void read_preview_header(Reading& reading, const Node& node, void* owner, const Field& field) {
  read_or_off(reading, node, static_cast<Service*>(owner)->preview_header, field);
}

Shown show_preview_header(const void* owner) {
  return show_value(static_cast<const Service*>(owner)->preview_header);
}

void read_preview(Reading& reading, const Node& node, void* owner, const Field& field) {
  if (means_off(node)) {
    static_cast<Service*>(owner)->preview_header.clear();
    return;
  }
  reading.mapping(node, field.inner, owner);
}

void read_match(Reading& reading, const Node& node, void* owner, const Field& field) {
  Match match;
  reading.mapping(node, field.inner, &match);
  static_cast<Service*>(owner)->match = std::move(match);
}

Shown show_match(const void* owner) {
  const auto& match = static_cast<const Service*>(owner)->match;
  if (!match) return {};
  Shown out;
  if (match->hosts.empty()) out.push_back("any host " + match->path_prefix);
  for (const std::string& host : match->hosts) out.push_back(host + " " + match->path_prefix);
  return out;
}

void read_services(Reading& reading, const Node& node, void* owner, const Field& field) {
  auto& services = static_cast<Config*>(owner)->services;
  services.clear();
  reading.named(node, "a mapping of service names", [&](const Node& name, const Node& value) {
    Service service;
    service.name = name.text;
    if (auto fault = name.text.size() > service_name_rule.max_bytes
                         ? Fault{in_quotes(name.text) + " is longer than 63 bytes", ""}
                         : service_name_rule.check(name.text)) {
      reading.fault(name, std::move(*fault));
    }
    reading.mapping(value, field.inner, &service);
    services.push_back(std::move(service));
  });
}

Shown show_services(const void* owner) {
  Shown out;
  for (const Service& service : static_cast<const Config*>(owner)->services)
    out.push_back(service.name);
  return out;
}

void read_path(Reading& reading, const Node& node, std::string& out, const Field& field) {
  const bool may_be_off = field.section == "admin" && field.key == "socket";
  const bool is_stream = field.section == "log" && node.kind == NodeKind::scalar &&
                         (node.text == "stdout" || node.text == "stderr");
  std::string text;
  may_be_off ? read_or_off(reading, node, text, field) : read_value(reading, node, text, field);
  if (text.empty()) {
    if (may_be_off && means_off(node)) out.clear();
    return;  // anything else that is empty was reported
  }
  if (!is_stream && text.front() != '/' && !reading.folder().empty()) {
    text = (std::filesystem::path(reading.folder()) / text).lexically_normal().string();
  }
  if (may_be_off && text.size() >= sizeof(sockaddr_un::sun_path)) {
    return reading.fault(
        node,
        reading.path() + ": " + in_quotes(text) + " is longer than the system allows for a socket",
        "at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  }
  out = std::move(text);
}

}  // namespace switchback::config
