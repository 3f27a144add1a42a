#include "admin/api/token_body.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "admin/people/roles.hpp"
#include "config/dates.hpp"
#include "config/suggest.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

constexpr std::int64_t longest_grace_us = 30 * people::day_us;

Refusal fault(std::string code, std::string_view field, std::string detail) {
  auto refused = refusal(422, std::move(code), "The request is not understood", std::move(detail));
  refused.more["field"] = field;
  return refused;
}

// A member that is a text; "" where it is missing.
Parsed<std::string> text_of(const json::object& body, std::string_view field) {
  const auto* value = body.if_contains(field);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string())
    return fault("wrong_type", field, "'" + std::string(field) + "' has to be a string.");
  return std::string(value->get_string());
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' || c == '-';
  });
}

std::optional<Refusal> read_services(const json::object& body,
                                     const std::vector<std::string>& known,
                                     std::vector<std::string>& out) {
  const auto* value = body.if_contains("services");
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_array() || value->get_array().empty())
    return fault("wrong_type", "services", "'services' has to be a list of names; out: all.");
  for (const auto& item : value->get_array()) {
    const std::string name(item.is_string() ? std::string_view(item.get_string()) : "");
    if (std::find(known.begin(), known.end(), name) == known.end())
      return fault("unknown_service", "services",
                   "There is no service '" + name.substr(0, 64) + "'.");
    out.push_back(name);
  }
  return std::nullopt;
}

Parsed<std::int64_t> read_expiry(const json::object& body, std::string_view field,
                                 std::int64_t now_us) {
  auto text = text_of(body, field);
  if (auto* refused = std::get_if<Refusal>(&text)) return std::move(*refused);
  const auto& wanted = std::get<std::string>(text);
  if (wanted.empty() || wanted == "never") return std::int64_t{0};
  auto at = parse_expiry(wanted, now_us);
  if (auto* refused = std::get_if<Refusal>(&at)) refused->more["field"] = field;
  return at;
}

}  // namespace

Parsed<std::int64_t> parse_expiry(std::string_view text, std::int64_t now_us) {
  std::int64_t at = 0;
  if (const auto length = config::parse_duration(text);
      std::holds_alternative<config::Duration>(length)) {
    at = now_us + std::get<config::Duration>(length).count() * 1000;
  } else {
    const auto instant = config::parse_instant(text);
    if (const auto* bad = std::get_if<config::Fault>(&instant))
      return fault("bad_date", "", bad->message + ": " + bad->hint + ", or 90d from now on.");
    at = std::get<config::Instant>(instant).wall_us;
  }
  if (at > now_us) return at;
  return fault("bad_date", "",
               "'" + std::string(text.substr(0, 40)) +
                   "' is not in the future; to end a token now, "
                   "revoke it.");
}

Parsed<people::TokenWish> parse_new_token(std::string_view text,
                                          const std::vector<std::string>& services,
                                          std::int64_t now_us) {
  auto parsed = parse_object(text, {"name", "role", "expires", "services"});
  if (auto* refused = std::get_if<Refusal>(&parsed)) return std::move(*refused);
  const auto& body = std::get<json::object>(parsed);
  people::TokenWish wish;
  auto name = text_of(body, "name");
  if (auto* refused = std::get_if<Refusal>(&name)) return std::move(*refused);
  wish.name = std::get<std::string>(name);
  if (!valid_name(wish.name)) {
    return fault("bad_name", "name",
                 "'name' says whose token it is: 1 to 63 letters, digits and . _ @ -");
  }
  auto role = text_of(body, "role");
  if (auto* refused = std::get_if<Refusal>(&role)) return std::move(*refused);
  if (const auto& wanted = std::get<std::string>(role); !wanted.empty()) {
    const auto found = people::role_of(wanted);
    if (!found) return fault("bad_role", "role", "'role' is read, operate, deploy or admin.");
    wish.role = *found;
  }
  auto expires = read_expiry(body, "expires", now_us);
  if (auto* refused = std::get_if<Refusal>(&expires)) return std::move(*refused);
  wish.expires_us = std::get<std::int64_t>(expires);
  if (auto refused = read_services(body, services, wish.services)) return std::move(*refused);
  return wish;
}

Parsed<RotationBody> parse_rotation(std::string_view text, std::int64_t now_us) {
  auto parsed = parse_object(text, {"grace", "expires"});
  if (auto* refused = std::get_if<Refusal>(&parsed)) return std::move(*refused);
  const auto& body = std::get<json::object>(parsed);
  RotationBody out;
  auto grace = text_of(body, "grace");
  if (auto* refused = std::get_if<Refusal>(&grace)) return std::move(*refused);
  if (const auto& wanted = std::get<std::string>(grace); !wanted.empty()) {
    const auto length = config::parse_duration(wanted);
    if (const auto* bad = std::get_if<config::Fault>(&length))
      return fault("bad_duration", "grace", "'grace': " + bad->message + ".");
    out.grace_us = std::get<config::Duration>(length).count() * 1000;
    if (out.grace_us > longest_grace_us)
      return fault("bad_duration", "grace", "'grace' is 30d at most.");
  }
  if (body.if_contains("expires") == nullptr) return out;
  auto expires = read_expiry(body, "expires", now_us);
  if (auto* refused = std::get_if<Refusal>(&expires)) return std::move(*refused);
  out.expires_us = std::get<std::int64_t>(expires);
  return out;
}

Parsed<std::int64_t> parse_expiry_body(std::string_view text, std::int64_t now_us) {
  auto parsed = parse_object(text, {"at"});
  if (auto* refused = std::get_if<Refusal>(&parsed)) return std::move(*refused);
  const auto& body = std::get<json::object>(parsed);
  if (body.if_contains("at") == nullptr)
    return fault("field_missing", "at", "'at' is a date, a duration from now on, or \"never\".");
  return read_expiry(body, "at", now_us);
}

}  // namespace switchback::api
