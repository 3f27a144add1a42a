#include "admin/notify/sender.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "proxy/base/clock.hpp"

namespace switchback::notify {

struct Sender::State {
  State(OutboxLimits limits, std::unique_ptr<Courier> c)
      : courier(std::move(c)), outbox(limits, monotonic_ns()) {}

  void run();
  void note(const Delivery& delivery);

  const std::unique_ptr<Courier> courier;
  mutable std::mutex mutex;
  std::condition_variable wake;
  Outbox outbox;
  SenderStats facts;  // without those of the outbox
  std::map<std::uint64_t, OnTest> tests;
  std::uint64_t next_test = 1;
  bool ending = false, ended = false;
};

void Sender::State::note(const Delivery& delivery) {
  facts.last_status = delivery.status;
  if (delivery.good) {
    facts.last_good_wall_us = wall_us();
    facts.failing_since_wall_us = 0;
    return;
  }
  facts.last_bad_wall_us = wall_us();
  facts.last_error = delivery.error;
  if (facts.failing_since_wall_us == 0) facts.failing_since_wall_us = facts.last_bad_wall_us;
}

void Sender::State::run() {
  std::minstd_rand chance(std::random_device{}());
  std::unique_lock lock(mutex);
  while (!ending) {
    const auto wait = outbox.wait_ns(monotonic_ns());
    if (!wait) {
      wake.wait(lock);
      continue;
    }
    if (*wait > 0) {
      wake.wait_for(lock, std::chrono::nanoseconds(*wait));
      continue;
    }
    const Outbox::Item item = outbox.begin(monotonic_ns());
    lock.unlock();
    const Delivery delivery = courier->deliver(item.message, item.left_out);
    OnTest on_test;
    lock.lock();
    if (!ending) note(delivery);
    outbox.done(delivery, monotonic_ns(), std::uniform_real_distribution<>(0, 1)(chance));
    if (const auto asked = tests.find(item.test); asked != tests.end()) {
      on_test = std::move(asked->second);
      tests.erase(asked);
      lock.unlock();
      on_test(delivery);
      lock.lock();
    }
  }
  ended = true;
  wake.notify_all();
}

Sender::Sender(OutboxLimits limits, std::unique_ptr<Courier> courier)
    : state_(std::make_shared<State>(limits, std::move(courier))) {
  std::thread([state = state_] { state->run(); }).detach();
}

Sender::~Sender() {
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->tests.clear();
  state_->wake.notify_all();
  lock.unlock();
  state_->courier->cancel();
  lock.lock();
  state_->wake.wait_for(lock, std::chrono::seconds(1), [this] { return state_->ended; });
}

void Sender::put(Message message) {
  const std::lock_guard lock(state_->mutex);
  state_->outbox.put(std::move(message));
  state_->wake.notify_all();
}

void Sender::test(Message message, OnTest on_test) {
  const std::lock_guard lock(state_->mutex);
  const auto number = state_->next_test++;
  state_->tests.emplace(number, std::move(on_test));
  state_->outbox.put_test(std::move(message), number);
  state_->wake.notify_all();
}

SenderStats Sender::stats() const {
  const std::lock_guard lock(state_->mutex);
  SenderStats out = state_->facts;
  static_cast<OutboxStats&>(out) = state_->outbox.stats();
  return out;
}

bool Sender::has_nothing_to_wait_for() const {
  const std::lock_guard lock(state_->mutex);
  return state_->outbox.idle() || state_->facts.failing_since_wall_us != 0;
}

std::deque<Message> Sender::take_all() {
  const std::lock_guard lock(state_->mutex);
  return state_->outbox.take_all();
}

}  // namespace switchback::notify
