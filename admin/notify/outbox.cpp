#include "admin/notify/outbox.hpp"

#include <algorithm>
#include <utility>

namespace switchback::notify {

namespace {

constexpr Nanos second_ns = 1'000'000'000;
constexpr Nanos longest_pause_ns = 60 * second_ns;
constexpr Nanos longest_wish_ns = 600 * second_ns;

Nanos pause_ns(unsigned failures, double chance) {
  const unsigned doublings = std::min(failures - 1, 6u);
  const Nanos pause = std::min(second_ns << doublings, longest_pause_ns);
  return static_cast<Nanos>(static_cast<double>(pause) * (0.8 + 0.4 * chance));
}

}  // namespace

Outbox::Outbox(OutboxLimits limits, Nanos now_ns) : limits_(limits), tokens_ns_(now_ns) {
  tokens_ = burst();
}

// A tenth of a minute's worth may go at once: a rollback and its proof, not a storm.
double Outbox::burst() const {
  return std::max(1.0, limits_.per_minute / 10.0);
}

double Outbox::tokens_at(Nanos now_ns) const {
  const double minutes = static_cast<double>(now_ns - tokens_ns_) / (60.0 * second_ns);
  return std::min(burst(), tokens_ + minutes * limits_.per_minute);
}

void Outbox::put(Message message) {
  if (queue_.size() >= limits_.queue) {
    queue_.pop_front();
    ++stats_.dropped;
    ++untold_;
  }
  queue_.push_back({std::move(message)});
}

void Outbox::put_test(Message message, std::uint64_t number) {
  tests_.push_back({std::move(message), 0, 0, number});
}

std::optional<Nanos> Outbox::wait_ns(Nanos now_ns) const {
  if (under_way_) return std::nullopt;
  if (!tests_.empty()) return 0;
  if (queue_.empty()) return std::nullopt;
  Nanos wait = std::max<Nanos>(not_before_ns_ - now_ns, 0);
  // An attempt made again has its token already.
  if (queue_.front().attempts == 0 && !has_token(now_ns)) {
    const double minutes = (1 - tokens_at(now_ns)) / limits_.per_minute;
    wait = std::max(wait, static_cast<Nanos>(minutes * 60.0 * second_ns) + 1'000'000);
  }
  return wait;
}

const Outbox::Item& Outbox::begin(Nanos now_ns) {
  auto& from = tests_.empty() ? queue_ : tests_;
  under_way_ = std::move(from.front());
  from.pop_front();
  ++stats_.attempts;
  ++under_way_->attempts;
  if (under_way_->test == 0) {
    if (under_way_->attempts == 1) {
      tokens_ = tokens_at(now_ns) - 1;
      tokens_ns_ = now_ns;
    }
    under_way_->left_out += std::exchange(untold_, 0);
  }
  return *under_way_;
}

bool Outbox::done(const Delivery& delivery, Nanos now_ns, double chance) {
  Item item = std::move(*under_way_);
  under_way_.reset();
  if (delivery.good) {
    ++stats_.sent;
    stats_.failed_in_a_row = 0;
    failures_ = 0;
    not_before_ns_ = 0;
    return true;
  }
  if (item.test != 0) return true;  // whoever asked is told; nothing was lost
  const Nanos wish = std::min(delivery.retry_after_ns, longest_wish_ns);
  if (!delivery.hopeless) not_before_ns_ = now_ns + std::max(wish, pause_ns(++failures_, chance));
  if (!delivery.hopeless && item.attempts <= limits_.retries) {
    queue_.push_front(std::move(item));
    return false;
  }
  ++stats_.failed;
  ++stats_.failed_in_a_row;
  untold_ += item.left_out + 1;
  return true;
}

OutboxStats Outbox::stats() const {
  OutboxStats out = stats_;
  out.queued = queue_.size() + tests_.size() + (under_way_ ? 1 : 0);
  return out;
}

std::deque<Message> Outbox::take_all() {
  std::deque<Message> out;
  if (under_way_ && under_way_->test == 0) out.push_back(under_way_->message);
  for (auto& item : queue_) out.push_back(std::move(item.message));
  queue_.clear();
  return out;
}

}  // namespace switchback::notify
