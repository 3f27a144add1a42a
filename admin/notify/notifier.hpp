// Tells others what happens: takes the events of the stream, makes messages of them, and hands each
// target what it wants to know. See docs/notify.md.
//
// Nothing here is waited for: an event is looked at on a turn of its own, after the answer to
// whoever caused it, and delivered by the target's own thread.
// Threads: everything on the control thread; `done` of a test too. Lifetime: io and events
// outlive this.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/events/events.hpp"
#include "admin/notify/book.hpp"
#include "admin/notify/sender.hpp"
#include "config/model.hpp"

namespace switchback::notify {

struct TargetView {
  config::NotifyTarget target;
  std::string where;  // for people, without what may be secret
  SenderStats stats;
  std::uint64_t kept_back = 0;  // told already, or not settled yet
};

struct NotifierOptions {
  std::chrono::milliseconds tick{1000};
  // For tests; empty: make_courier.
  std::function<std::unique_ptr<Courier>(const config::NotifyTarget&)> courier;
};

class Notifier {
 public:
  Notifier(boost::asio::io_context& io, events::Events& events, const config::Config& config,
           NotifierOptions options = {});
  ~Notifier();
  Notifier(const Notifier&) = delete;

  // Targets that stay as they are keep their queues and what they were told; one that changes keeps
  // what waits. A new one is told what stands.
  void configure(const config::Config& config);

  std::vector<TargetView> targets() const;  // in the order of the file
  // One attempt, now, beside what waits. False: there is no such target.
  using OnTest = std::function<void(const Delivery&)>;
  bool test(const std::string& name, const std::string& actor, OnTest done);
  // Before an end: what waits for targets that work goes out, within `limit`.
  void finish(std::chrono::milliseconds limit);

 private:
  struct Target;
  void begin(const events::Event& event);
  void take(const events::Event& event);
  void hand_over(Target& target, const Message& message);
  void tell_standing(Target& target);
  void tick();
  void watch(Target& target);
  void clear_alarm(const std::string& name);

  boost::asio::io_context& io_;
  events::Events& events_;
  const NotifierOptions options_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::vector<std::string> services_;
  config::Dns dns_;  // with which names are looked up
  boost::asio::steady_timer timer_;
  std::uint64_t subscription_ = 0;
  // What outlives this object only as a weak pointer: handlers that are still under way.
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace switchback::notify
