// What people read: pure functions from the API's JSON to text. Every refusal says whether traffic
// moved and what to type next; colors of the terminal only underline what the words already say.
//
// Shapes: the admin API's (service view, receipt, problem). Text ends with a newline unless said.
// Times: `now_ms` is milliseconds since 1970; a flip's age is read from its ULID.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace switchback::cli {

struct Style {
  bool color = false;      // ANSI colors: only on a terminal, never without words
  std::string admin_flag;  // " --admin X" for the commands shown, where it is needed
};

// Text from elsewhere must not steer the terminal it is shown on.
std::string printable(std::string_view text);
std::string padded(std::string text, std::size_t width);

// No newline.
std::string format_ms(double milliseconds);  // "0.08 ms", "180 ms", "2.3 s", "3 min 5 s"
std::string format_age(
    std::int64_t milliseconds);  // "just now", "40 s ago", "3 min ago", "2 d ago"
std::string format_count(std::uint64_t n, std::string_view noun);  // "1 request", "3 requests"
std::string paint(const Style& style, std::string_view color_name, std::string_view text);
// "GREEN v1.3" (painted); the release is left out where it is unknown.
std::string side(const Style& style, std::string_view color_name, std::string_view release);

// Milliseconds since 1970 in a ULID's first ten characters; nullopt: not a ULID.
std::optional<std::int64_t> ulid_time_ms(std::string_view ulid);

std::string render_services(const boost::json::array& services, const Style& style,
                            std::int64_t now_ms);
std::string render_service(const boost::json::object& service, const Style& style,
                           std::int64_t now_ms);
// What is wrong with the instance itself; "" when nothing is.
std::string render_alarms(const boost::json::array& alarms, const Style& style);
std::string render_history(const boost::json::array& flips, const Style& style,
                           std::int64_t now_ms);

// A flip as it happens: the opening line, a line for each stage that `before` had not reached and
// `now` has (in order; empty: none), and the closing lines.
std::string render_flip_opening(const boost::json::object& receipt, const Style& style);
std::string render_new_stages(const boost::json::object& before, const boost::json::object& now,
                              const Style& style);
std::string render_flip_closing(const boost::json::object& receipt, const Style& style);
// Where nothing was done because the target was active.
std::string render_already(const boost::json::object& receipt, const Style& style);

// problem+json. `stays`: "BLUE v1.2" when known, for "…; BLUE v1.2 stays active".
std::string render_problem(const boost::json::object& problem, const Style& style,
                           std::string_view stays = "");

// One server-sent event on one line.
std::string render_event(std::string_view type, const boost::json::object& data,
                         const Style& style);

// How what was in flight at a switch ended: "14 requests: 14 completed"; "" when there was nothing.
std::vector<std::string> describe_counts(const boost::json::object& counts);

}  // namespace switchback::cli
