#include "config/verify_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "config/decode.hpp"
#include "config/suggest.hpp"
#include "config/text_rules.hpp"
#include "config/units.hpp"

namespace switchback::config {

template <>
std::vector<Choice<JsonKind>> choices_of() {
  return {{"any", JsonKind::any},       {"number", JsonKind::number},
          {"string", JsonKind::string}, {"boolean", JsonKind::boolean},
          {"array", JsonKind::array},   {"object", JsonKind::object},
          {"null", JsonKind::null}};
}
template <>
std::vector<Choice<HookMoment>> choices_of() {
  return {{"switched", HookMoment::switched},
          {"verified", HookMoment::verified},
          {"unverified", HookMoment::unverified},
          {"rolled_back", HookMoment::rolled_back}};
}
template <>
std::vector<Choice<BakeMode>> choices_of() {
  return {{"advise", BakeMode::advise}, {"auto", BakeMode::automatic}};
}

namespace {

std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::string shown_number(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return {text, end};
}

// "200", "200-204", 404: a status from 100 to 599, or a range.
std::optional<StatusSpan> status_span(std::string_view text) {
  const auto dash = text.find('-');
  const auto low = parse_count(text.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : parse_count(text.substr(dash + 1));
  const auto* first = std::get_if<std::uint64_t>(&low);
  const auto* last = std::get_if<std::uint64_t>(&high);
  if (!first || !last || *first < 100 || *last > 599 || *first > *last) return {};
  return StatusSpan{static_cast<unsigned>(*first), static_cast<unsigned>(*last)};
}

std::string shown_span(const StatusSpan& span) {
  const std::string first = std::to_string(span.first);
  return span.first == span.last ? first : first + "-" + std::to_string(span.last);
}

// `each` for the elements of a list, or for a value that stands alone.
template <typename Each>
void one_or_more(Reading& reading, const Node& node, Each each) {
  if (node.kind != NodeKind::sequence) return each(node);
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    Reading::Step step(reading, "[" + std::to_string(i) + "]", *node.items[i]);
    each(*node.items[i]);
  }
}

void read_share(Reading& reading, const Node& node, double& out) {
  const auto text = scalar_text(reading, node, "a share such as 0.2%");
  if (!text) return;
  const bool sign = text->ends_with('%');
  std::string_view number(text->data(), text->size() - sign);
  while (number.ends_with(' ')) number.remove_suffix(1);  // "0.2 %" too
  const auto value = decimal(number);
  if (!sign || !value || *value < 0 || *value > 100) {
    return reading.fault(
        node, reading.path() + ": " + in_quotes(*text) + " is not a share from 0% to 100%",
        value && !sign ? "write " + *text + "%, if per cent are meant" : "for example 0.2%");
  }
  out = *value / 100;
}

std::vector<std::string> shown_share(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g%%", share * 100);
  return {text};
}

void read_rate(Reading& reading, const Node& node, unsigned most, unsigned& out) {
  const auto text = scalar_text(reading, node, "a rate such as 10/s");
  if (!text) return;
  const bool unit = text->ends_with("/s");
  const auto value = parse_count(std::string_view(*text).substr(0, text->size() - (unit ? 2 : 0)));
  const auto* count = std::get_if<std::uint64_t>(&value);
  if (!unit || !count || *count < 1 || *count > most) {
    return reading.fault(node,
                         reading.path() + ": " + in_quotes(*text) + " is not a rate from 1/s to " +
                             std::to_string(most) + "/s",
                         count && !unit ? "write " + *text + "/s" : "for example 10/s");
  }
  out = static_cast<unsigned>(*count);
}

std::vector<std::string> shown_pairs(const std::vector<NamedText>& pairs) {
  std::vector<std::string> out;
  for (const auto& pair : pairs) out.push_back(pair.name + ": " + pair.value);
  return out;
}

void read_fields(Reading& reading, const Node& node, std::vector<NamedText>& out) {
  out.clear();
  reading.named(node, "a mapping of header names", [&](const Node& name, const Node& value) {
    if (!is_header_name(name.text) || name.text.size() > 64) {
      return reading.fault(name,
                           reading.path() + ": " + in_quotes(name.text) + " is not a header name",
                           "for example Content-Type");
    }
    const auto text = scalar_text(reading, value, "text");
    if (!text) return;
    const bool control = std::any_of(text->begin(), text->end(),
                                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (control || text->size() > 4096) {
      return reading.fault(
          value, reading.path() + ": " + in_quotes(*text) + " cannot stand in a header field");
    }
    out.push_back({name.text, *text});
  });
}

void read_number(Reading& reading, const Node& node, std::optional<double>& out) {
  const auto text = scalar_text(reading, node, "a number");
  if (!text) return;
  const auto value = decimal(*text);
  if (!value || !node.plain) {
    return reading.fault(node, reading.path() + ": expected a number, found " + in_quotes(*text));
  }
  out = value;
}

std::vector<std::string> shown_optional(const std::optional<double>& value) {
  return value ? std::vector<std::string>{shown_number(*value)} : std::vector<std::string>{};
}

}  // namespace

void read_value(Reading& reading, const Node& node, Probe& out, const Field& field) {
  reading.mapping(node, field.inner, &out);
  if (node.kind != NodeKind::mapping || !out.path.empty()) return;
  const bool said = std::any_of(node.keys.begin(), node.keys.end(), [](const NodePtr& key) {
    static constexpr std::array<std::string_view, 7> methods{"get",   "head",   "post",   "put",
                                                             "patch", "delete", "options"};
    return std::find(methods.begin(), methods.end(), key->text) != methods.end();
  });
  if (!said) reading.fault(node, reading.path() + " asks for nothing", "for example get: /healthz");
}

void read_value(Reading& reading, const Node& node, Hook& out, const Field& field) {
  reading.mapping(node, field.inner, &out);
}

std::vector<std::string> show_value(const Probe& value) {
  std::string text = value.name + ": " + value.method + " " + value.path;
  for (const auto& part :
       {show_expected_status(&value.expect), show_expected_header(&value.expect),
        show_expected_json(&value.expect), show_pass(&value), shown_pairs(value.headers)}) {
    for (const auto& word : part) text += ", " + word;
  }
  text += ", every " + format_duration(value.every);
  if (value.expect.max_ms) text += ", max_ms " + std::to_string(value.expect.max_ms);
  if (!value.expect.body_regex.empty()) text += ", body ~ " + value.expect.body_regex;
  if (!value.body.empty()) text += ", body " + value.body.substr(0, 64);
  return {text};
}

std::vector<std::string> show_value(const Hook& value) {
  std::string text = choice_text(value.on) + ":";
  for (const auto& word : value.exec) text += " " + word;
  return {text + ", timeout " + format_duration(value.timeout) +
          (value.required ? ", required" : "")};
}

void read_probe_method(Reading& reading, const Node& node, void* owner, const Field& field) {
  Probe& probe = *static_cast<Probe*>(owner);
  if (!probe.method.empty()) {
    return reading.fault(node, reading.path() + ": this probe asks for " + probe.path + " already",
                         "one method a probe; write another probe");
  }
  std::string method(field.key);
  for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
  std::string path;
  read_value(reading, node, path, field);
  if (path.empty()) return;
  probe.method = std::move(method);
  probe.path = std::move(path);
}

std::vector<std::string> show_probe_method(const Probe& probe, std::string_view method) {
  return probe.method == method ? std::vector<std::string>{probe.path} : std::vector<std::string>{};
}

void read_probe_headers(Reading& reading, const Node& node, void* owner, const Field&) {
  read_fields(reading, node, static_cast<Probe*>(owner)->headers);
}
std::vector<std::string> show_probe_headers(const void* owner) {
  return shown_pairs(static_cast<const Probe*>(owner)->headers);
}

void read_pass(Reading& reading, const Node& node, void* owner, const Field&) {
  const auto text = scalar_text(reading, node, "a rule such as 3 of 3");
  if (!text) return;
  const auto of = text->find(" of ");
  const auto first = parse_count(std::string_view(*text).substr(0, of));
  const auto last =
      of == std::string::npos ? first : parse_count(std::string_view(*text).substr(of + 4));
  const auto* needed = std::get_if<std::uint64_t>(&first);
  const auto* among = std::get_if<std::uint64_t>(&last);
  if (of == std::string::npos || !needed || !among || *needed < 1 || *needed > *among ||
      *among > 100) {
    return reading.fault(node,
                         reading.path() + ": " + in_quotes(*text) + " is not a rule such as 3 of 3",
                         "how many of the newest answers must be good; at most 100");
  }
  static_cast<Probe*>(owner)->pass_needed = static_cast<unsigned>(*needed);
  static_cast<Probe*>(owner)->pass_of = static_cast<unsigned>(*among);
}
std::vector<std::string> show_pass(const void* owner) {
  const auto& probe = *static_cast<const Probe*>(owner);
  return {std::to_string(probe.pass_needed) + " of " + std::to_string(probe.pass_of)};
}

void read_expected_status(Reading& reading, const Node& node, void* owner, const Field&) {
  auto& out = static_cast<ProbeExpectation*>(owner)->status;
  out.clear();
  one_or_more(reading, node, [&](const Node& one) {
    const auto text = scalar_text(reading, one, "a status or a range such as 200-204");
    if (!text) return;
    if (const auto span = status_span(*text)) return out.push_back(*span);
    reading.fault(one,
                  reading.path() + ": " + in_quotes(*text) +
                      " is not a status from 100 to 599, or a range of them",
                  "for example 200, 200-204 or [200, 201]");
  });
}
std::vector<std::string> show_expected_status(const void* owner) {
  std::vector<std::string> out;
  for (const auto& span : static_cast<const ProbeExpectation*>(owner)->status)
    out.push_back(shown_span(span));
  return out;
}

void read_expected_header(Reading& reading, const Node& node, void* owner, const Field&) {
  read_fields(reading, node, static_cast<ProbeExpectation*>(owner)->header);
}
std::vector<std::string> show_expected_header(const void* owner) {
  return shown_pairs(static_cast<const ProbeExpectation*>(owner)->header);
}

void read_expected_json(Reading& reading, const Node& node, void* owner, const Field& field) {
  auto& out = static_cast<ProbeExpectation*>(owner)->json;
  out.clear();
  reading.named(node, "a mapping of places such as $.version",
                [&](const Node& name, const Node& value) {
                  JsonExpectation rule;
                  rule.path = name.text;
                  if (value.kind == NodeKind::mapping) {
                    reading.mapping(value, field.inner, &rule);
                  } else {
                    read_equals(reading, value, &rule, field);
                  }
                  out.push_back(std::move(rule));
                });
}
std::vector<std::string> show_expected_json(const void* owner) {
  std::vector<std::string> out;
  for (const auto& rule : static_cast<const ProbeExpectation*>(owner)->json) {
    std::string text = rule.path;
    if (rule.type != JsonKind::any) text += " " + choice_text(rule.type);
    if (rule.equals) text += " = " + *rule.equals + (rule.equals_plain ? "" : " (text)");
    if (rule.min) text += " >= " + shown_number(*rule.min);
    if (rule.max) text += " <= " + shown_number(*rule.max);
    out.push_back(std::move(text));
  }
  return out;
}

void read_equals(Reading& reading, const Node& node, void* owner, const Field&) {
  auto& rule = *static_cast<JsonExpectation*>(owner);
  if (node.kind == NodeKind::null) {
    rule.equals = "null";
    rule.equals_plain = true;
    return;
  }
  const auto text = scalar_text(reading, node, "a value, or a mapping of type, min, max, equals");
  if (!text) return;
  rule.equals = *text;
  rule.equals_plain = node.plain;
}
std::vector<std::string> show_equals(const void* owner) {
  const auto& rule = *static_cast<const JsonExpectation*>(owner);
  return rule.equals ? std::vector<std::string>{*rule.equals} : std::vector<std::string>{};
}
void read_min(Reading& reading, const Node& node, void* owner, const Field&) {
  read_number(reading, node, static_cast<JsonExpectation*>(owner)->min);
}
std::vector<std::string> show_min(const void* owner) {
  return shown_optional(static_cast<const JsonExpectation*>(owner)->min);
}
void read_max(Reading& reading, const Node& node, void* owner, const Field&) {
  read_number(reading, node, static_cast<JsonExpectation*>(owner)->max);
}
std::vector<std::string> show_max(const void* owner) {
  return shown_optional(static_cast<const JsonExpectation*>(owner)->max);
}

void read_streams(Reading& reading, const Node& node, void* owner, const Field& field) {
  auto& out = static_cast<VerifyTraffic*>(owner)->streams;
  out.clear();
  reading.named(node, "a mapping of streams' names", [&](const Node& name, const Node& value) {
    Stream stream;
    stream.name = name.text;
    if (auto fault = service_name_rule.check(name.text)) {
      reading.fault(name, in_quotes(name.text) + " is not a stream's name", fault->hint);
    }
    reading.mapping(value, field.inner, &stream);
    out.push_back(std::move(stream));
  });
}
std::vector<std::string> show_streams(const void* owner) {
  std::vector<std::string> out;
  for (const auto& stream : static_cast<const VerifyTraffic*>(owner)->streams) {
    std::string text = stream.name + ":";
    for (const auto& word : stream.bad.words) text += " " + word;
    out.push_back(text + ", floor " + shown_share(stream.floor).front() + ", tolerate " +
                  shown_share(stream.tolerate).front());
  }
  return out;
}

void read_bad(Reading& reading, const Node& node, void* owner, const Field&) {
  static constexpr std::string_view slow_text = "latency > p99(baseline)";
  BadOutcomes& out = static_cast<Stream*>(owner)->bad;
  out = {};
  if (node.kind == NodeKind::scalar && node.text == slow_text) {
    out.slow = true;
    out.words = {node.text};
    return;
  }
  one_or_more(reading, node, [&](const Node& one) {
    const auto text = scalar_text(reading, one, "a word such as 5xx");
    if (!text) return;
    if (*text == "connect_fail") {
      out.connect_fail = true;
    } else if (*text == "reset") {
      out.reset = true;
    } else if (*text == "timeout") {
      out.timeout = true;
    } else if (text->size() == 3 && text->ends_with("xx") && (*text)[0] >= '4' &&
               (*text)[0] <= '5') {
      const auto first = static_cast<unsigned>((*text)[0] - '0') * 100;
      out.status.push_back({first, first + 99});
    } else if (const auto span = status_span(*text); span && span->first >= 400) {
      out.status.push_back(*span);
    } else {
      const std::vector<std::string_view> words = {"5xx", "4xx", "connect_fail", "reset",
                                                   "timeout"};
      const std::string near = nearest_name(*text, words);
      return reading.fault(
          one, reading.path() + ": " + in_quotes(*text) + " is not an outcome that can be counted",
          near.empty() ? "5xx, 4xx, a status from 400 to 599, connect_fail, "
                         "reset, timeout, or \"latency > p99(baseline)\" alone"
                       : "did you mean " + near + "?");
    }
    out.words.push_back(*text);
  });
}
std::vector<std::string> show_bad(const void* owner) {
  return static_cast<const Stream*>(owner)->bad.words;
}
void read_floor(Reading& reading, const Node& node, void* owner, const Field&) {
  read_share(reading, node, static_cast<Stream*>(owner)->floor);
}
std::vector<std::string> show_floor(const void* owner) {
  return shown_share(static_cast<const Stream*>(owner)->floor);
}
void read_tolerate(Reading& reading, const Node& node, void* owner, const Field&) {
  read_share(reading, node, static_cast<Stream*>(owner)->tolerate);
}
std::vector<std::string> show_tolerate(const void* owner) {
  return shown_share(static_cast<const Stream*>(owner)->tolerate);
}

void read_objective(Reading& reading, const Node& node, void* owner, const Field&) {
  double& objective = static_cast<Bake*>(owner)->objective;
  read_share(reading, node, objective);
  if (objective < 0.5 || objective >= 1) {
    reading.fault(node, reading.path() + ": an objective lies between 50% and 99.9999%",
                  "100% leaves no budget to spend");
  }
}
std::vector<std::string> show_objective(const void* owner) {
  return shown_share(static_cast<const Bake*>(owner)->objective);
}

void read_source_cap(Reading& reading, const Node& node, void* owner, const Field&) {
  read_rate(reading, node, 1'000'000, static_cast<VerifyTraffic*>(owner)->per_source_cap);
}
std::vector<std::string> show_source_cap(const void* owner) {
  const unsigned cap = static_cast<const VerifyTraffic*>(owner)->per_source_cap;
  return cap == 0 ? std::vector<std::string>{}
                  : std::vector<std::string>{std::to_string(cap) + "/s"};
}
void read_pair_rate(Reading& reading, const Node& node, void* owner, const Field&) {
  read_rate(reading, node, 20, static_cast<PairedPlan*>(owner)->rate);
}
std::vector<std::string> show_pair_rate(const void* owner) {
  return {std::to_string(static_cast<const PairedPlan*>(owner)->rate) + "/s"};
}

}  // namespace switchback::config
