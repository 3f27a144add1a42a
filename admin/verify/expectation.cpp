#include "admin/verify/expectation.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>

namespace switchback::verify {

namespace {

constexpr std::size_t shown_bytes = 120;  // of a value in a message

std::string shortened(std::string text) {
  if (text.size() <= shown_bytes) return text;
  text.resize(shown_bytes);
  return text + "...";
}

std::string milliseconds(std::uint64_t us) {
  return std::to_string(us / 1000) + "." + std::to_string(us % 1000 / 100) + " ms";
}

CheckResult failed(std::string observed, std::string expected) {
  return {false, shortened(std::move(observed)), shortened(std::move(expected))};
}

bool matches(const std::string& text, const boost::regex& pattern, std::string& fault) {
  try {
    return boost::regex_search(text, pattern);
  } catch (const std::runtime_error&) {  // the matcher gave up: too many ways to look at it
    fault = "the pattern takes too long on this answer";
    return false;
  }
}

bool status_allowed(const Expectation& expectation, unsigned status) {
  for (const StatusRange& range : expectation.status) {
    if (status >= range.first && status <= range.last) return true;
  }
  return false;
}

std::string status_text(const Expectation& expectation) {
  std::string out;
  for (const StatusRange& range : expectation.status) {
    out += (out.empty() ? "" : ", ") + std::to_string(range.first);
    if (range.last != range.first) out += "-" + std::to_string(range.last);
  }
  return "status " + out;
}

std::string_view name_of(JsonType type) {
  constexpr std::string_view names[] = {"any",      "a number",  "a string", "true or false",
                                        "an array", "an object", "null"};
  return names[static_cast<std::size_t>(type)];
}

bool has_type(const boost::json::value& value, JsonType type) {
  switch (type) {
    case JsonType::any:
      return true;
    case JsonType::number:
      return value.is_number();
    case JsonType::string:
      return value.is_string();
    case JsonType::boolean:
      return value.is_bool();
    case JsonType::array:
      return value.is_array();
    case JsonType::object:
      return value.is_object();
    case JsonType::null:
      return value.is_null();
  }
  return false;
}

// 1 and 1.0 are the same number.
bool equal(const boost::json::value& a, const boost::json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

std::optional<CheckResult> check_headers(const Expectation& expectation,
                                         const ProbeAnswer& answer) {
  for (const auto& [name, pattern] : expectation.headers) {
    const auto [first, last] = answer.headers.equal_range(name);
    if (first == last) return failed("no field " + name, name + ": " + pattern.str());
    std::string fault;
    bool found = false;
    for (auto it = first; it != last; ++it) found = found || matches(it->second, pattern, fault);
    if (!found) {
      return failed(fault.empty() ? name + ": " + first->second : fault,
                    name + ": " + pattern.str());
    }
  }
  return std::nullopt;
}

std::optional<CheckResult> check_rule(const JsonRule& rule, const boost::json::value& document) {
  const boost::json::value* value = find(document, rule.path);
  if (!value) return failed("no " + rule.path.text, rule.path.text);
  const std::string seen = rule.path.text + " is " + boost::json::serialize(*value);
  if (rule.equals && !equal(*value, *rule.equals)) {
    return failed(seen, rule.path.text + " is " + boost::json::serialize(*rule.equals));
  }
  if (!has_type(*value, rule.type)) {
    return failed(seen, rule.path.text + " is " + std::string(name_of(rule.type)));
  }
  if (!rule.min && !rule.max) return std::nullopt;
  if (!value->is_number()) return failed(seen, rule.path.text + " is a number");
  const double number = value->to_number<double>();
  const auto text = [](double bound) { return boost::json::serialize(boost::json::value(bound)); };
  if (rule.min && number < *rule.min) {
    return failed(seen, rule.path.text + " is at least " + text(*rule.min));
  }
  if (rule.max && number > *rule.max) {
    return failed(seen, rule.path.text + " is at most " + text(*rule.max));
  }
  return std::nullopt;
}

std::optional<CheckResult> check_json(const Expectation& expectation, const ProbeAnswer& answer) {
  if (expectation.json.empty()) return std::nullopt;
  if (answer.body_cut) return failed("a body of more than 64 KiB", "JSON of at most 64 KiB");
  boost::system::error_code fault;
  const boost::json::value document = boost::json::parse(answer.body, fault);
  if (fault) return failed(answer.body.empty() ? "an empty body" : answer.body, "JSON");
  for (const JsonRule& rule : expectation.json) {
    if (auto result = check_rule(rule, document)) return result;
  }
  return std::nullopt;
}

std::optional<CheckResult> check_body(const Expectation& expectation, const ProbeAnswer& answer) {
  if (!expectation.body) return std::nullopt;
  std::string fault;
  if (matches(answer.body, *expectation.body, fault)) return std::nullopt;
  if (fault.empty()) fault = answer.body.empty() ? "an empty body" : answer.body;
  return failed(std::move(fault), "body: " + expectation.body->str());
}

}  // namespace

CheckResult check(const Expectation& expectation, const ProbeAnswer& answer) {
  if (!answer.error.empty()) return failed(answer.error, status_text(expectation));
  const std::string seen = "status " + std::to_string(answer.status);
  if (!status_allowed(expectation, answer.status)) return failed(seen, status_text(expectation));
  if (auto result = check_headers(expectation, answer)) return *result;
  if (auto result = check_body(expectation, answer)) return *result;
  if (auto result = check_json(expectation, answer)) return *result;
  if (expectation.max_us != 0 && answer.latency_us > expectation.max_us) {
    return failed(milliseconds(answer.latency_us), "at most " + milliseconds(expectation.max_us));
  }
  return {true, seen + " in " + milliseconds(answer.latency_us), status_text(expectation)};
}

Judged judged(const Expectation& expectation, const ProbeAnswer& answer) {
  return {check(expectation, answer), answer.error.empty(), answer.latency_us};
}

std::variant<boost::regex, std::string> compile_pattern(const std::string& text) {
  if (text.empty()) return std::string("an empty pattern matches everything");
  if (text.size() > 1024) return std::string("a pattern has at most 1,024 characters");
  try {
    return boost::regex(text);
  } catch (const boost::regex_error& fault) {
    return std::string(fault.what());
  }
}

}  // namespace switchback::verify
