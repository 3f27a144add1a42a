// Request bodies and the fields that say how a call is meant. Strict: what is not known is refused
// by name, since a misspelt member that is silently ignored is an order not carried out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/api/problem.hpp"

namespace switchback::api {

template <class T>
using Parsed = std::variant<T, Refusal>;

// An object whose members are all in `known`; empty text: an empty object.
Parsed<boost::json::object> parse_object(std::string_view text,
                                         const std::vector<std::string_view>& known);
Refusal wrong_type(std::string_view field, std::string_view wanted,
                   const boost::json::value& value);
// The member as text of at most so many bytes; absent: `out` stays as it is.
std::optional<Refusal> read_string(const boost::json::object& body, std::string_view field,
                                   std::size_t most, std::optional<std::string>& out);

struct FlipBody {
  std::optional<std::string> to;
  std::string reason;
  bool force = false;
  std::string requalify;
  std::string on_behalf_of;  // who asked a bot; shown beside it, and worth its word
};
struct PauseBody {
  config::Duration max{30'000};
};

inline constexpr std::size_t most_reason_bytes = 2000;
inline constexpr std::size_t most_person_bytes = 64;
inline constexpr config::Duration longest_pause{10 * 60 * 1000};

// An object whose members are all in `known`, none doubled. Empty text: an empty object.
Parsed<boost::json::object> parse_object(std::string_view text,
                                         const std::vector<std::string_view>& known);
// `to` is missing or empty: refused (422), since a flip without a target would be a toggle.
Parsed<FlipBody> parse_flip_body(std::string_view text);
// An empty body is allowed.
Parsed<FlipBody> parse_rollback_body(std::string_view text);
Parsed<PauseBody> parse_pause_body(std::string_view text);
// For calls that take no body: "" or {}.
std::optional<Refusal> refuse_body(std::string_view text);

// If-Match: "42", 42 or * (no condition). Weak tags never match (RFC 9110 §13.1.1) and are refused.
Parsed<std::optional<std::uint64_t>> parse_if_match(std::string_view text);
// 1..255 visible characters.
Parsed<std::string> parse_idempotency_key(std::string_view text);
Parsed<release::Wait> parse_wait(std::optional<std::string_view> text);
Parsed<std::size_t> parse_limit(std::optional<std::string_view> text);
Parsed<std::optional<release::FlipKind>> parse_kind(std::optional<std::string_view> text);
// Prefer: respond-async (RFC 7240)
bool wants_async(std::string_view prefer);
// A query parameter the route does not know.
std::optional<Refusal> refuse_unknown_query(const web::Request& request,
                                            std::span<const std::string_view> known);

}  // namespace switchback::api
