// What has happened, as somebody is told of it: one event of the stream made into words, and into
// the two forms it is sent in.
//
// The words are for somebody who was woken up: what is so now, why, and the command to type next.
// Sans-IO. Threads: none of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/events/event.hpp"
#include "config/model.hpp"

namespace switchback::notify {

enum class Standing : std::uint8_t {
  event,     // it happened, and that is all
  firing,    // it stands until it is resolved
  resolved,  // it stood, and is over
};
std::string_view to_string(Standing standing);

struct Message {
  std::string id;  // the same at every attempt, so that a receiver can leave repeats out
  config::NotifyKind kind = config::NotifyKind::alarm;
  Standing standing = Standing::event;
  std::string service;   // empty: it concerns none alone
  std::string key;       // what stands; empty for mere events
  std::string title;     // one line
  std::string text;      // why, with what was measured; may be empty
  std::string next;      // the command to type next; may be empty
  std::string event;     // "flip.switched"
  std::string at;        // RFC 3339
  std::string data;      // the event's JSON
  bool again = false;    // told before, and still so
  unsigned changes = 0;  // how often it came and went since it was last told
};

// nullopt: nobody is told of such events. `services`: to tell whose alarm "regressed:shop" is.
std::optional<Message> message_of(const events::Event& event,
                                  const std::vector<std::string>& services);

// The whole body of a delivery. `left_out`: messages before it that found no room.
std::string body_of(const Message& message, config::NotifyFormat format, const std::string& host,
                    std::uint64_t left_out);

// Slack takes & < > for its own; everything else is text to it.
std::string escape_slack(std::string_view text);

}  // namespace switchback::notify
