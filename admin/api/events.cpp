#include "admin/api/events.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <optional>

namespace switchback::api {

namespace asio = boost::asio;

struct EventHub::Subscriber {
  explicit Subscriber(std::shared_ptr<EventHub> h) : hub(std::move(h)), wake(hub->io_) {
    hub->subscribers_.insert(this);
    ++hub->counters_.subscribers;
  }
  ~Subscriber() {
    hub->subscribers_.erase(this);
    --hub->counters_.subscribers;
    leave();
  }
  Subscriber(const Subscriber&) = delete;

  void leave() {
    if (subscribed && hub->stream_ != nullptr) hub->stream_->unsubscribe(handle);
    subscribed = false;
  }
  void take(const events::Event& event) {
    if (cut) return;
    auto text = event_text(event);
    // Ids grow by one: a jump is what was too old to be kept, or was told by an earlier life.
    if (expected && event.id() != *expected) text = lost_text(*expected - 1, event.id()) + text;
    expected.reset();
    bytes += text.size();
    queue.push_back(std::move(text));
    if (queue.size() > hub->limits_.queued_events || bytes > hub->limits_.queued_bytes) {
      cut = true;
      ++hub->counters_.cut;
    }
    wake.cancel();
  }

  std::shared_ptr<EventHub> hub;
  asio::steady_timer wake;
  std::deque<std::string> queue;
  std::size_t bytes = 0;
  std::optional<std::uint64_t> expected;  // the first event of one who comes back
  std::uint64_t handle = 0;
  bool subscribed = false;
  bool cut = false;
};

web::Reply EventHub::stream(std::uint64_t last_id) {
  web::StreamReply reply;
  reply.head.content_type = "text/event-stream";
  reply.head.fields = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  reply.run = [hub = shared_from_this(), last_id](web::StreamWriter& writer) {
    return run(hub, last_id, writer);
  };
  return reply;
}

asio::awaitable<void> EventHub::run(std::shared_ptr<EventHub> hub, std::uint64_t last_id,
                                    web::StreamWriter& writer) {
  if (hub->stream_ == nullptr || hub->full()) {
    ++hub->counters_.refused;
    co_return;
  }
  Subscriber me(hub);
  writer.on_gone([&me] { me.wake.cancel(); });
  // 0 asks for what there is; nothing can be missing then.
  if (last_id != 0 && last_id != events::Stream::live_only) me.expected = last_id + 1;
  me.handle = hub->stream_->subscribe(last_id, [&me](const events::Event& e) { me.take(e); });
  me.subscribed = true;
  if (!co_await writer.write("retry: 2000\n: switchback events\n\n")) co_return;
  while (!writer.gone() && !me.cut && hub->stream_ != nullptr) {
    if (me.queue.empty()) {
      me.wake.expires_after(hub->limits_.heartbeat);
      const auto [error] = co_await me.wake.async_wait(asio::as_tuple(asio::use_awaitable));
      if (!error && !co_await writer.write(": heartbeat\n\n")) break;
      continue;
    }
    std::string batch;
    while (!me.queue.empty() && batch.size() < 64 * 1024) {
      batch += me.queue.front();
      me.bytes -= me.queue.front().size();
      me.queue.pop_front();
      ++hub->counters_.sent;
    }
    if (!co_await writer.write(std::move(batch))) break;
  }
}

void EventHub::stop() {
  for (Subscriber* subscriber : subscribers_) {
    subscriber->leave();
    subscriber->wake.cancel();
  }
  stream_ = nullptr;
}

std::string lost_text(std::uint64_t last_id, std::uint64_t next_id) {
  return "event: lost\ndata: {\"after\":" + std::to_string(last_id) +
         ",\"next\":" + std::to_string(next_id) +
         ",\"text\":\"events in between are lost: too old to be kept, or of a life of switchback "
         "before this one; GET /v1/services says how things are, GET /v1/flips what has "
         "moved\"}\n\n";
}

std::string event_text(const events::Event& event) {
  std::string text = "id: " + std::to_string(event.id()) + "\nevent: " + event.type() + "\ndata: ";
  text += event.json();
  text += "\n\n";
  return text;
}

}  // namespace switchback::api
