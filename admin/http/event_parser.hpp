// Reads a text/event-stream (WHATWG HTML, "server-sent events") from pieces of any size. Sans-IO.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "admin/http/client.hpp"

namespace switchback::web {

class EventParser {
 public:
  using OnEvent = std::function<bool(const ServerSentEvent&)>;
  // False: `on_event` returned false; the rest of `piece` was not looked at.
  bool feed(std::string_view piece, const OnEvent& on_event);

 private:
  bool line(std::string_view text, const OnEvent& on_event);
  std::string partial_;    // of a line; at most line_limit
  ServerSentEvent event_;  // id stays from event to event, as the standard wants
  bool skip_line_feed_ = false;
  bool has_data_ = false;
  bool overlong_ = false;  // this line is too long and is left out
};

}  // namespace switchback::web
