#include "admin/http/event_parser.hpp"

#include <utility>

namespace switchback::web {

namespace {
constexpr std::size_t line_limit = 4 * 1024 * 1024;
}

bool EventParser::feed(std::string_view piece, const OnEvent& on_event) {
  for (const char c : piece) {
    if (std::exchange(skip_line_feed_, false) && c == '\n') continue;
    if (c == '\n' || c == '\r') {
      skip_line_feed_ = c == '\r';
      const std::string text = std::exchange(partial_, {});
      if (!std::exchange(overlong_, false) && !line(text, on_event)) return false;
    } else if (partial_.size() < line_limit) {
      partial_.push_back(c);
    } else {
      overlong_ = true;
    }
  }
  return true;
}

bool EventParser::line(std::string_view text, const OnEvent& on_event) {
  if (text.empty()) {
    const bool complete = std::exchange(has_data_, false);
    ServerSentEvent event = event_;
    event_.event.clear();
    event_.data.clear();
    if (!complete) return true;
    if (event.event.empty()) event.event = "message";
    return on_event(event);
  }
  if (text.front() == ':') return true;  // a comment, the heartbeat
  const auto colon = std::min(text.find(':'), text.size());
  const auto name = text.substr(0, colon);
  auto value = text.substr(std::min(colon + 1, text.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) event_.data.push_back('\n');
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.event = std::string(value);
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = std::string(value);
  }
  return true;
}

}  // namespace switchback::web
