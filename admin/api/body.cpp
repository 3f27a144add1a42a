#include "admin/api/body.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "config/suggest.hpp"
#include "config/units.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

constexpr auto fault_title = "The request is not understood";

Refusal fault(std::string code, std::string detail) {
  return refusal(422, std::move(code), fault_title, std::move(detail));
}

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "true or false";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
    default:
      return "a number";
  }
}

// The members' names of an object that is known to be well-formed, in order. Boost.JSON keeps the
// last of two members with one name, so that they have to be looked for in the text.
std::vector<std::string> member_names(std::string_view text) {
  std::vector<std::string> names;
  int depth = 0;
  std::size_t last_string = 0, last_size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c == '"') {
      last_string = i++;
      while (text[i] != '"') i += text[i] == '\\' ? 2 : 1;
      last_size = i + 1 - last_string;
    }
    if (c == ':' && depth == 1) {
      names.emplace_back(json::parse(text.substr(last_string, last_size)).as_string());
    }
  }
  return names;
}

std::optional<Refusal> refuse_doubled(std::string_view text) {
  auto names = member_names(text);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return std::nullopt;
  auto refused = fault("doubled_field", "'" + twice->substr(0, 64) + "' is there more than once.");
  refused.more["field"] = twice->substr(0, 64);
  return refused;
}

}  // namespace

Parsed<json::object> parse_object(std::string_view text,
                                  const std::vector<std::string_view>& known) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code error;
  const auto value = json::parse(text, error, {}, options);
  if (error) {
    return refusal(400, "malformed_json", "The body is not JSON",
                   "The body is not JSON: " + error.message() + ".");
  }
  if (!value.is_object()) {
    return fault("wrong_type",
                 "The body is " + std::string(kind_name(value)) + "; it has to be an object.");
  }
  if (auto refused = refuse_doubled(text)) return std::move(*refused);
  for (const auto& member : value.get_object()) {
    const std::string_view name = member.key();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto nearest = config::nearest_name(name, known);
    auto refused =
        fault("unknown_field",
              "There is no field '" + std::string(name.substr(0, 64)) + "' here" +
                  (nearest.empty() ? (known.empty() ? std::string("; this call takes none.")
                                                    : "; there is " + config::one_of(known) + ".")
                                   : " (did you mean '" + nearest + "'?)."));
    refused.more["field"] = name.substr(0, 64);
    return refused;
  }
  return value.get_object();
}

Refusal wrong_type(std::string_view field, std::string_view wanted, const json::value& value) {
  auto refused =
      fault("wrong_type", "'" + std::string(field) + "' has to be " + std::string(wanted) +
                              ", not " + std::string(kind_name(value)) + ".");
  refused.more["field"] = field;
  return refused;
}

std::optional<Refusal> read_string(const json::object& body, std::string_view field,
                                   std::size_t most, std::optional<std::string>& out) {
  const auto* value = body.if_contains(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return wrong_type(field, "a string", *value);
  const std::string_view text = value->get_string();
  if (text.size() > most) {
    return fault("too_long", "'" + std::string(field) + "' may have at most " +
                                 std::to_string(most) + " bytes.");
  }
  out = std::string(text);
  return std::nullopt;
}

namespace {

Parsed<FlipBody> read_flip(const json::object& body) {
  FlipBody flip;
  std::optional<std::string> reason;
  if (auto refused = read_string(body, "to", 256, flip.to)) return *refused;
  if (auto refused = read_string(body, "reason", most_reason_bytes, reason)) return *refused;
  flip.reason = reason.value_or("");
  std::optional<std::string> requalify;
  if (auto refused = read_string(body, "requalify", most_reason_bytes, requalify)) return *refused;
  flip.requalify = requalify.value_or("");
  std::optional<std::string> person;
  if (auto refused = read_string(body, "on_behalf_of", most_person_bytes, person)) return *refused;
  flip.on_behalf_of = person.value_or("");
  const bool odd = std::any_of(flip.on_behalf_of.begin(), flip.on_behalf_of.end(),
                               [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (odd || (person && flip.on_behalf_of.empty()))
    return fault("bad_name", "'on_behalf_of' is one line: a person's name.");
  if (const auto* force = body.if_contains("force")) {
    if (!force->is_bool()) return wrong_type("force", "true or false", *force);
    flip.force = force->get_bool();
  }
  if (flip.force && flip.reason.find_first_not_of(" \t\r\n") == std::string::npos) {
    return fault("force_needs_reason", "Forcing needs a reason; it is kept with the flip.");
  }
  return flip;
}

std::string known_kinds() {
  return "promote, rollback, auto_rollback or drill";
}

}  // namespace

Parsed<FlipBody> parse_flip_body(std::string_view text) {
  auto body = parse_object(text, {"to", "reason", "force", "requalify", "on_behalf_of"});
  if (auto* refused = std::get_if<Refusal>(&body)) return std::move(*refused);
  auto flip = read_flip(std::get<json::object>(body));
  if (auto* parsed = std::get_if<FlipBody>(&flip); parsed && (!parsed->to || parsed->to->empty())) {
    auto refused = fault("to_missing",
                         "Say where to: {\"to\":\"blue\"}, {\"to\":\"green\"} or a release name. "
                         "A flip without a target would be a toggle.");
    refused.more["field"] = "to";
    return refused;
  }
  return flip;
}

Parsed<FlipBody> parse_rollback_body(std::string_view text) {
  auto body = parse_object(text, {"reason", "force", "on_behalf_of"});
  if (auto* refused = std::get_if<Refusal>(&body)) return std::move(*refused);
  return read_flip(std::get<json::object>(body));
}

Parsed<PauseBody> parse_pause_body(std::string_view text) {
  auto body = parse_object(text, {"max"});
  if (auto* refused = std::get_if<Refusal>(&body)) return std::move(*refused);
  PauseBody pause;
  std::optional<std::string> max;
  if (auto refused = read_string(std::get<json::object>(body), "max", 32, max)) return *refused;
  if (!max) return pause;
  const auto parsed = config::parse_duration(*max);
  const auto* value = std::get_if<config::Duration>(&parsed);
  if (value == nullptr || value->count() <= 0 || *value > longest_pause) {
    auto refused =
        fault("bad_duration",
              "'max' has to be a duration such as \"250ms\", \"30s\" or \"2m\", at most " +
                  config::format_duration(longest_pause) + ".");
    refused.more["field"] = "max";
    return refused;
  }
  pause.max = *value;
  return pause;
}

std::optional<Refusal> refuse_body(std::string_view text) {
  auto body = parse_object(text, {});
  if (auto* refused = std::get_if<Refusal>(&body)) return std::move(*refused);
  return std::nullopt;
}

Parsed<std::optional<std::uint64_t>> parse_if_match(std::string_view text) {
  using Epoch = std::optional<std::uint64_t>;
  if (text.empty() || text == "*") return Epoch();
  std::string_view digits = text;
  if (digits.size() >= 2 && digits.front() == '"' && digits.back() == '"') {
    digits = digits.substr(1, digits.size() - 2);
  }
  std::uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), epoch);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return refusal(400, "bad_if_match", fault_title,
                   "If-Match has to be one epoch as the ETag gives it, such as \"42\".");
  }
  return Epoch(epoch);
}

Parsed<std::string> parse_idempotency_key(std::string_view text) {
  // The draft writes the key as a quoted string, people often leave the quotes out: one and the
  // same.
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (text.size() > 255 || !visible) {
    return refusal(400, "bad_idempotency_key", fault_title,
                   "Idempotency-Key has to be 1 to 255 visible ASCII characters.");
  }
  return std::string(text);
}

Parsed<release::Wait> parse_wait(std::optional<std::string_view> text) {
  if (!text || *text == "switched") return release::Wait::switched;
  if (*text == "drained") return release::Wait::drained;
  if (*text == "verified") return release::Wait::verified;
  return fault("bad_wait", "wait has to be switched, drained or verified.");
}

Parsed<std::size_t> parse_limit(std::optional<std::string_view> text) {
  if (!text) return std::size_t{50};
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > 1000) {
    return fault("bad_limit", "limit has to be a number from 1 to 1000.");
  }
  return limit;
}

Parsed<std::optional<release::FlipKind>> parse_kind(std::optional<std::string_view> text) {
  using release::FlipKind;
  if (!text) return std::optional<FlipKind>();
  for (const auto kind :
       {FlipKind::promote, FlipKind::rollback, FlipKind::auto_rollback, FlipKind::drill}) {
    if (events::to_string(kind) == *text) return std::optional<FlipKind>(kind);
  }
  return fault("bad_kind", "kind has to be " + known_kinds() + ".");
}

bool wants_async(std::string_view prefer) {
  while (!prefer.empty()) {
    const auto comma = std::min(prefer.find(','), prefer.size());
    auto item = prefer.substr(0, comma);
    prefer.remove_prefix(std::min(comma + 1, prefer.size()));
    while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
    item = item.substr(0, item.find_first_of(" \t;"));
    if (web::same_field_name(item, "respond-async")) return true;
  }
  return false;
}

std::optional<Refusal> refuse_unknown_query(const web::Request& request,
                                            std::span<const std::string_view> known) {
  for (std::size_t i = 0; i < request.query.size(); ++i) {
    const auto& name = request.query[i].first;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::vector<std::string_view> names(known.begin(), known.end());
      const auto nearest = config::nearest_name(name, names);
      return fault("unknown_parameter",
                   "There is no query parameter '" + name.substr(0, 64) + "' here" +
                       (nearest.empty() ? "." : " (did you mean '" + nearest + "'?)."));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (request.query[j].first == name) {
        return fault("doubled_parameter",
                     "The query parameter '" + name + "' is there more than once.");
      }
    }
  }
  return std::nullopt;
}

}  // namespace switchback::api
