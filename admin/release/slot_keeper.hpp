// Makes good what the disk owes: every write of a state slot goes through here, and one that fails
// or is late is retried, newest value first, with an alarm (state_not_durable) until it is down.
//
// Threads: the control thread (the store's callbacks are carried over to it).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "admin/events/alarms.hpp"
#include "admin/release/make_controller.hpp"
#include "admin/state/state_store.hpp"

namespace switchback::release {

class SlotKeeper : public std::enable_shared_from_this<SlotKeeper> {
 public:
  // `made_good`: everything of this service up to this epoch is on disk.
  using MadeGood = std::function<void(const std::string& service, std::uint64_t epoch)>;
  SlotKeeper(boost::asio::io_context& io, state::StateStore& store, events::Alarms& alarms,
             const ControllerOptions& options, MadeGood made_good);

  // `done` with "" or what failed; may be empty.
  void write(const std::string& service, const state::SlotValue& value,
             std::function<void(const std::string& error)> done);
  // Somebody went on without waiting for the write that is under way.
  void mark_behind(const std::string& service, const std::string& why);
  void stop();

 private:
  struct Slot {
    state::SlotValue newest;
    std::string why;  // behind: what is the matter; empty: all is down
    config::Duration delay{0};
    std::unique_ptr<boost::asio::steady_timer> timer;
    bool waiting = false;  // for the timer
  };
  void written(const std::string& service, std::uint64_t epoch, const std::string& error);
  void retry_later(const std::string& service, Slot& slot);
  void tell();

  boost::asio::io_context& io_;
  state::StateStore& store_;
  events::Alarms& alarms_;
  const ControllerOptions& options_;
  MadeGood made_good_;
  std::map<std::string, Slot> slots_;
  bool stopped_ = false;
};

}  // namespace switchback::release
