// The event stream (server-sent events): each subscriber has a bounded queue of its own; one that
// reads too slowly is cut, counted, and may come back with Last-Event-ID.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>

#include "admin/events/stream.hpp"
#include "admin/http/message.hpp"

namespace switchback::api {

struct EventLimits {
  std::size_t subscribers = 64;
  std::size_t queued_events = 2048;  // more than the stream keeps, so a replay fits
  std::size_t queued_bytes = 4 * 1024 * 1024;
  std::chrono::milliseconds heartbeat{10'000};
};

struct EventCounters {
  std::uint64_t subscribers = 0;  // now
  std::uint64_t sent = 0;
  std::uint64_t cut = 0;      // too slow
  std::uint64_t refused = 0;  // too many
};

// Lives on the control thread; shared by the streams that it has handed out.
class EventHub : public std::enable_shared_from_this<EventHub> {
 public:
  EventHub(boost::asio::io_context& io, events::Stream& stream, EventLimits limits = {})
      : io_(io), stream_(&stream), limits_(limits) {}

  // `last_id`: Stream::live_only for live events only.
  web::Reply stream(std::uint64_t last_id);
  bool full() const { return counters_.subscribers >= limits_.subscribers; }
  void count_refused() { ++counters_.refused; }
  // Unsubscribes everybody; the stream is not touched afterwards.
  void stop();
  const EventCounters& counters() const { return counters_; }

 private:
  struct Subscriber;
  static boost::asio::awaitable<void> run(std::shared_ptr<EventHub> hub, std::uint64_t last_id,
                                          web::StreamWriter& writer);

  boost::asio::io_context& io_;
  events::Stream* stream_;  // nullptr once stopped
  EventLimits limits_;
  EventCounters counters_;
  std::set<Subscriber*> subscribers_;
};

// One event as it goes over the wire. Line breaks inside the JSON would end the field; there are
// none in one line of JSON.
std::string event_text(const events::Event& event);
// Who comes back with an id that is not followed by what is sent next is told so: an event `lost`,
// without an id of its own.
std::string lost_text(std::uint64_t last_id, std::uint64_t next_id);

}  // namespace switchback::api
