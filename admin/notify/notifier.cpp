#include "admin/notify/notifier.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <thread>

#include "admin/events/receipt_json.hpp"
#include "config/notify_values.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::notify {

namespace {

template <class T>
bool has(const std::vector<T>& list, const T& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

bool wants(const config::NotifyTarget& target, const Message& message) {
  if (!has(target.on, message.kind)) return false;
  // Its own trouble cannot be told there.
  if (message.key == "notify_failing:" + target.name) return false;
  return target.services.empty() || message.service.empty() ||
         has(target.services, message.service);
}

std::string where_of(const config::NotifyTarget& target) {
  if (!target.exec.empty()) return target.exec.front();
  if (!target.webhook_file.empty()) return "(the address in " + target.webhook_file + ")";
  std::string why;
  const auto url = config::parse_webhook_url(target.webhook, why);
  return url ? (url->tls ? "https://" : "http://") + url->host + "/…" : "";
}

}  // namespace

struct Notifier::Target {
  Target(config::NotifyTarget t, std::unique_ptr<Courier> courier)
      : target(std::move(t)),
        book(to_nanos(target.repeat), target.resolved),
        sender({target.queue, target.per_minute, target.retries}, std::move(courier)) {}

  const config::NotifyTarget target;
  Book book;
  Sender sender;
  bool alarm = false;
};

Notifier::Notifier(boost::asio::io_context& io, events::Events& events,
                   const config::Config& config, NotifierOptions options)
    : io_(io), events_(events), options_(std::move(options)), timer_(io) {
  configure(config);
  subscription_ = events_.stream.subscribe(events::Stream::live_only,
                                           [this](const events::Event& event) { begin(event); });
  tick();
}

Notifier::~Notifier() {
  events_.stream.unsubscribe(subscription_);
  timer_.cancel();
}

void Notifier::configure(const config::Config& config) {
  services_.clear();
  for (const auto& service : config.services) services_.push_back(service.name);
  auto before = std::move(targets_);
  targets_.clear();
  for (const auto& wanted : config.notify) {
    const auto same_name = std::find_if(before.begin(), before.end(), [&](const auto& old) {
      return old && old->target.name == wanted.name;
    });
    if (same_name != before.end() && (*same_name)->target == wanted && dns_ == config.dns) {
      targets_.push_back(std::move(*same_name));
      continue;
    }
    auto courier = options_.courier ? options_.courier(wanted) : make_courier(wanted, config.dns);
    targets_.push_back(std::make_unique<Target>(wanted, std::move(courier)));
    Target& fresh = *targets_.back();
    if (same_name != before.end()) {
      for (auto& message : (*same_name)->sender.take_all()) fresh.sender.put(std::move(message));
      fresh.alarm = (*same_name)->alarm;
      fresh.book = (*same_name)->book.with(to_nanos(wanted.repeat), wanted.resolved);
      same_name->reset();
    }
    tell_standing(fresh);
  }
  dns_ = config.dns;
  for (const auto& gone : before)
    if (gone && gone->alarm) clear_alarm(gone->target.name);
}

void Notifier::tell_standing(Target& target) {
  for (const auto& alarm : events_.alarms.standing()) {
    const events::Event event(static_cast<std::uint64_t>(alarm.since_wall_us), alarm,
                              alarm.since_wall_us);
    if (const auto message = message_of(event, services_)) hand_over(target, *message);
  }
}

// Whoever emits an event is in the middle of something, a rollback perhaps: it goes first.
void Notifier::begin(const events::Event& event) {
  if (targets_.empty()) return;
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_), event] {
    if (!alive.expired()) take(event);
  });
}

void Notifier::take(const events::Event& event) {
  const auto message = message_of(event, services_);
  if (!message) return;
  for (auto& target : targets_) hand_over(*target, *message);
}

void Notifier::hand_over(Target& target, const Message& message) {
  if (!wants(target.target, message)) return;
  if (auto news = target.book.take(message, monotonic_ns())) target.sender.put(std::move(*news));
}

void Notifier::tick() {
  for (auto& target : targets_) {
    for (auto& message : target->book.due(monotonic_ns())) target->sender.put(std::move(message));
    watch(*target);
  }
  timer_.expires_after(options_.tick);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (!error && !alive.expired()) tick();
  });
}

// A target has trouble when a message was given up; it is over with the next that arrives.
void Notifier::watch(Target& target) {
  const auto stats = target.sender.stats();
  if (stats.failed_in_a_row > 0) {
    target.alarm = true;
    events_.alarms.raise(
        "notify_failing:" + target.target.name,
        "messages to " + target.target.name + " do not arrive: " + stats.last_error + " (" +
            std::to_string(stats.failed) + " given up, " + std::to_string(stats.queued) +
            " wait). When mended: switchback notify test " + target.target.name);
  } else if (target.alarm) {
    target.alarm = false;
    clear_alarm(target.target.name);
  }
}

void Notifier::clear_alarm(const std::string& name) {
  events_.alarms.clear("notify_failing:" + name);
}

std::vector<TargetView> Notifier::targets() const {
  std::vector<TargetView> out;
  for (const auto& target : targets_)
    out.push_back({target->target, where_of(target->target), target->sender.stats(),
                   target->book.kept_back()});
  return out;
}

bool Notifier::test(const std::string& name, const std::string& actor, OnTest done) {
  const auto found = std::find_if(targets_.begin(), targets_.end(),
                                  [&](const auto& target) { return target->target.name == name; });
  if (found == targets_.end()) return false;
  Message message;
  const auto now_us = wall_us();
  message.id = "test-" + std::to_string(now_us);
  message.kind = config::NotifyKind::test;
  message.event = "notify.test";
  message.title = "a test of " + name;
  message.text = "asked for by " + actor + ". Nothing has happened";
  message.next = "switchback notify list";
  message.at = events::rfc3339(now_us);
  message.data = "{}";
  (*found)->sender.test(std::move(message), [&io = io_, alive = std::weak_ptr(alive_),
                                             done = std::move(done)](const Delivery& delivery) {
    boost::asio::post(io, [alive, done, delivery] {
      if (!alive.expired()) done(delivery);
    });
  });
  return true;
}

void Notifier::finish(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const auto waits = [](const auto& target) { return !target->sender.has_nothing_to_wait_for(); };
  while (std::any_of(targets_.begin(), targets_.end(), waits) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace switchback::notify
