#include "admin/notify/message.hpp"

#include <boost/json.hpp>

#include "config/notify_values.hpp"

namespace switchback::notify {

namespace json = boost::json;

std::string_view to_string(Standing standing) {
  switch (standing) {
    case Standing::event:
      return "event";
    case Standing::firing:
      return "firing";
    case Standing::resolved:
      return "resolved";
  }
  return "";
}

std::string escape_slack(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

namespace {

std::string slack_text(const Message& message, const std::string& host, std::uint64_t left_out) {
  const char* mark = message.standing == Standing::firing     ? ":red_circle: "
                     : message.standing == Standing::resolved ? ":large_green_circle: "
                                                              : "";
  std::string out = mark + ("*" + escape_slack(message.title) + "*");
  if (message.again) out += " (still so)";
  if (message.changes > 1)
    out += " (came and went " + std::to_string(message.changes) + " times meanwhile)";
  if (!message.text.empty()) out += "\n" + escape_slack(message.text);
  // A backtick would end the piece of code; no command has one.
  if (!message.next.empty() && message.next.find('`') == std::string::npos)
    out += "\nnext: `" + escape_slack(message.next) + "`";
  if (left_out > 0)
    out += "\n(" + std::to_string(left_out) +
           " messages before this one were left out: switchback events, switchback history)";
  return out + "\n_" + escape_slack(host) + ", " + escape_slack(message.at) + "_";
}

}  // namespace

std::string body_of(const Message& message, config::NotifyFormat format, const std::string& host,
                    std::uint64_t left_out) {
  if (format == config::NotifyFormat::slack)
    return json::serialize(json::object{{"text", slack_text(message, host, left_out)}});
  auto body = json::serialize(json::object{{"id", message.id},
                                           {"kind", config::choice_text(message.kind)},
                                           {"state", to_string(message.standing)},
                                           {"service", message.service},
                                           {"key", message.key},
                                           {"title", message.title},
                                           {"text", message.text},
                                           {"next", message.next},
                                           {"event", message.event},
                                           {"at", message.at},
                                           {"host", host},
                                           {"again", message.again},
                                           {"changes", message.changes},
                                           {"left_out", left_out}});
  // The event's JSON is there already, and goes in as it is.
  body.back() = ',';
  return body + "\"data\":" + (message.data.empty() ? "null" : message.data) + "}";
}

}  // namespace switchback::notify
