// One call while it is worked on: the request, the machine, and what it has led to so far.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "admin/release/flip_fsm.hpp"
#include "admin/release/history.hpp"
#include "admin/release/judge.hpp"

namespace switchback::release {

struct FlipRun {
  FlipRun(boost::asio::io_context& io, FlipRequest r, bool is_rollback)
      : request(std::move(r)), rollback(is_rollback), timer(io) {}

  struct Waiter {
    Wait wait;
    OnFlip done;
  };

  const FlipRequest request;
  const bool rollback;         // asked for as a rollback
  bool stops_promote = false;  // a rollback that stopped a promote which had not moved
  bool slots_touched = false;  // … and which had begun to write
  FlipMachine machine;
  Judgement judgement;
  std::shared_ptr<FlipEntry> entry = std::make_shared<FlipEntry>();
  state::SlotValue value;  // what goes into the slots
  std::string disk_trouble;
  std::vector<Waiter> waiters;
  std::vector<std::shared_ptr<FlipRun>> followers;  // rollbacks that joined; same answer
  boost::asio::steady_timer timer;
  std::uint64_t timer_turn = 0;  // a timer that was armed anew must not fire its old event
  bool announced = false;        // flip.switched was told
  bool telling = false;          // answered; on the next turn it is recorded and told
  bool intent_written = false;
};

}  // namespace switchback::release
