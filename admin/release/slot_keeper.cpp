#include "admin/release/slot_keeper.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace switchback::release {

SlotKeeper::SlotKeeper(boost::asio::io_context& io, state::StateStore& store,
                       events::Alarms& alarms, const ControllerOptions& options, MadeGood made_good)
    : io_(io),
      store_(store),
      alarms_(alarms),
      options_(options),
      made_good_(std::move(made_good)) {}

void SlotKeeper::stop() {
  stopped_ = true;
  slots_.clear();  // and with them the timers
}

void SlotKeeper::write(const std::string& service, const state::SlotValue& value,
                       std::function<void(const std::string&)> done) {
  auto& slot = slots_[service];
  if (value.epoch >= slot.newest.epoch) slot.newest = value;
  store_.write_state(service, value,
                     [weak = weak_from_this(), &io = io_, service, epoch = value.epoch,
                      done = std::move(done)](const std::string& error) mutable {
                       boost::asio::post(io, [weak, service, epoch, error, done = std::move(done)] {
                         const auto self = weak.lock();
                         if (!self || self->stopped_) return;
                         if (done) done(error);
                         self->written(service, epoch, error);
                       });
                     });
}

void SlotKeeper::written(const std::string& service, std::uint64_t epoch,
                         const std::string& error) {
  auto& slot = slots_[service];
  if (!error.empty()) {
    mark_behind(service, error);
    retry_later(service, slot);
    return;
  }
  made_good_(service, epoch);
  if (epoch < slot.newest.epoch) return;
  slot.delay = {};
  if (slot.why.empty()) return;
  slot.why.clear();
  tell();
}

void SlotKeeper::mark_behind(const std::string& service, const std::string& why) {
  slots_[service].why = why;
  tell();
}

void SlotKeeper::retry_later(const std::string& service, Slot& slot) {
  if (slot.waiting) return;
  slot.waiting = true;
  slot.delay = std::min(options_.retry_most, std::max(options_.retry_first, 2 * slot.delay));
  slot.timer = std::make_unique<boost::asio::steady_timer>(io_, slot.delay);
  slot.timer->async_wait([weak = weak_from_this(), service](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || self->stopped_) return;
    auto& again = self->slots_[service];
    again.waiting = false;
    if (!again.why.empty()) self->write(service, again.newest, {});
  });
}

void SlotKeeper::tell() {
  std::string text;
  for (const auto& [service, slot] : slots_)
    if (!slot.why.empty()) text += (text.empty() ? "" : "; ") + service + ": " + slot.why;
  if (text.empty()) {
    alarms_.clear("state_not_durable");
  } else {
    alarms_.raise("state_not_durable",
                  text +
                      " (a loss of power now could undo the last switch; retried until it is "
                      "on disk)");
  }
}

}  // namespace switchback::release
