#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>

#include "admin/verify/expectation.hpp"

namespace switchback::verify {

namespace {

constexpr std::size_t max_steps = 16;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// What follows an opening bracket, up to and with the closing one. Empty: fine.
std::string take_bracket(std::string_view& rest, JsonPath& out) {
  if (rest.starts_with('"')) {
    const auto end = rest.find("\"]", 1);
    if (end == std::string_view::npos) return "a name in [\" has no \"]";
    out.steps.emplace_back(std::string(rest.substr(1, end - 1)));
    rest.remove_prefix(end + 2);
    return {};
  }
  std::size_t index = 0;
  const auto [end, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
  const auto used = static_cast<std::size_t>(end - rest.data());
  if (fault != std::errc{} || used >= rest.size() || rest[used] != ']') {
    return "[ ] holds a number or a name in quotes";
  }
  out.steps.emplace_back(index);
  rest.remove_prefix(used + 1);
  return {};
}

std::string take_name(std::string_view& rest, JsonPath& out) {
  std::size_t size = 0;
  while (size < rest.size() && is_name(rest[size])) ++size;
  if (size == 0) return "a . is followed by a name";
  out.steps.emplace_back(std::string(rest.substr(0, size)));
  rest.remove_prefix(size);
  return {};
}

}  // namespace

std::variant<JsonPath, std::string> parse_json_path(std::string_view text) {
  JsonPath out;
  out.text = std::string(text);
  if (!text.starts_with('$')) return std::string("a path begins with $, as in $.version");
  std::string_view rest = text.substr(1);
  while (!rest.empty()) {
    if (out.steps.size() == max_steps) return std::string("a path has at most 16 steps");
    const char sign = rest.front();
    rest.remove_prefix(1);
    std::string fault;
    if (sign == '.') {
      fault = take_name(rest, out);
    } else if (sign == '[') {
      fault = take_bracket(rest, out);
    } else {
      fault = "expected . or [ at \"" + std::string(1, sign) + std::string(rest) + "\"";
    }
    if (!fault.empty()) return fault;
  }
  return out;
}

const boost::json::value* find(const boost::json::value& document, const JsonPath& path) {
  const boost::json::value* here = &document;
  for (const auto& step : path.steps) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      const auto* object = here->if_object();
      here = object ? object->if_contains(*name) : nullptr;
    } else {
      const auto* array = here->if_array();
      here = array ? array->if_contains(std::get<std::size_t>(step)) : nullptr;
    }
    if (!here) return nullptr;
  }
  return here;
}

}  // namespace switchback::verify
