// The Controller behind make_controller: serialises the calls of a service, carries out what
// FlipMachine says, and keeps receipts up to date. See controller.hpp for the contract.
//
// controller_impl.cpp: the public calls. controller_flip.cpp: a switch is asked for and judged.
// controller_switch.cpp: it is carried out. controller_answer.cpp: it is answered.
// controller_watch.cpp: what comes back from the data plane and the disk. controller_recover.cpp:
// what an earlier life left in the ledger and the slots. rehearsal.cpp: null flips.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "admin/release/flip_run.hpp"
#include "admin/release/history.hpp"
#include "admin/release/idempotency.hpp"
#include "admin/release/make_controller.hpp"
#include "admin/release/policy.hpp"
#include "admin/release/rehearsal.hpp"
#include "admin/release/slot_keeper.hpp"
#include "admin/release/ulid.hpp"

namespace switchback::release {

class ControllerImpl : public Controller, private ControlObserver::Target {
 public:
  ControllerImpl(boost::asio::io_context& io, worker::DataPlane& plane, state::StateStore& store,
                 ledger::Ledger& ledger, events::Events& events,
                 std::shared_ptr<ControlObserver> observer, ControllerOptions options);
  ~ControllerImpl() override;

  void promote(FlipRequest request, OnFlip done) override;
  void rollback(FlipRequest request, OnFlip done) override;
  std::optional<Problem> pause(const std::string& service, config::Duration max,
                               const Actor& actor) override;
  std::optional<Problem> resume(const std::string& service, const Actor& actor) override;
  std::optional<Receipt> flip(const std::string& id) const override;
  std::vector<Receipt> history(const std::string& service, std::size_t limit) const override;
  std::optional<Receipt> last_flip(const std::string& service) const override;
  std::optional<Color> rollback_target(const std::string& service) const override;
  void set_policy(Policy* policy) override { policy_ = policy; }
  void name_releases(worker::ServiceView& view) const override;
  void rehearse(const std::string& service, Nanos begun_ns, OnRehearsal done) override;
  void watch_flips(FlipWatcher* watcher) override { watcher_ = watcher; }
  void verification(const std::string& flip, const Verification& now) override;
  void reloaded(bool adopted, const std::string& text) override;

 private:
  using Run = std::shared_ptr<FlipRun>;

  // What the controller knows of one service beside the data plane.
  struct Lane {
    std::optional<state::SlotValue> current;       // the newest switch that took effect
    std::uint64_t highest_epoch = 0;               // ever given out
    Run running;                                   // in an exclusive phase
    std::vector<std::shared_ptr<FlipEntry>> owed;  // moved before they were on disk
    std::deque<Run> waiting;                       // promotes
    std::unique_ptr<boost::asio::steady_timer> pause_timer;
    std::uint64_t pause_turn = 0;
    // Of the last life: the switch that it was at, and what the slots held.
    std::string intent;
    std::optional<state::SlotValue> survived;
  };

  // controller_flip.cpp
  Lane& lane_of(const std::string& service, std::uint64_t plane_epoch);
  void submit(FlipRequest request, bool rollback, OnFlip done);
  void submit_promote(Lane& lane, const Run& run);
  void submit_rollback(Lane& lane, const Run& run);
  void start(Lane& lane, const Run& run);
  void judge(Lane& lane, const Run& run);
  bool objected(const Run& run, const worker::ServiceView& view);
  std::optional<worker::ServiceView> named_view(const std::string& service) const;
  void reached(std::string_view point) const {
    if (options_.on_point) options_.on_point(point);
  }
  void write_intent(const Run& run);
  void leave_lane(const Run& run);
  void advance(const std::string& service);

  // controller_switch.cpp
  void feed(const Run& run, FlipEvent event);
  void act(const Run& run, FlipAction action);
  void probe(const Run& run);
  void write(const Run& run);
  void write_back(const Run& run);
  void persist(const Run& run);
  void on_disk(const Run& run, const std::string& error);
  static void note_persisted(FlipEntry& entry);
  void fall_behind(const Run& run);
  bool store(const Run& run);
  void give_up_gone(const Run& run);
  void note_stored(const Run& run);
  void arm_barrier(const Run& run);
  void arm(const Run& run, config::Duration limit);
  void write_run_slot(const std::string& service, const state::SlotValue& value);
  state::SlotValue restated(const Lane& lane, Color active) const;

  // controller_answer.cpp
  void answer_moved(const Run& run);
  void tell_moved(const Run& run, const Receipt& answered);
  Receipt already_receipt(const Run& run) const;
  void answer(const Run& run, const FlipAnswer& answer);

  // controller_watch.cpp
  void on_switch_progress(const std::shared_ptr<drain::SwitchRecord>& record) override;
  void on_health_change(const upstream::HealthChange& change) override;
  void on_panic_change(const upstream::PanicChange& change) override;
  void tell_panics();
  void on_names_changed() override;
  void on_ejection(const upstream::Ejection& ejection) override;
  void progress(const Run& run);
  void announce_switched(const Run& run);
  void finish(const Run& run);
  void let_go(FlipEntry& entry);
  void supersede(const Run& by);
  void made_good(const std::string& service, std::uint64_t epoch);
  void record(FlipEntry& entry);

  // controller_recover.cpp
  void attach_ledger();
  void adopt_snapshot(ledger::Snapshot snapshot);
  void recover(const std::string& service, Lane& lane);
  bool recover_intent(const std::string& service, const Lane& lane);
  void piece_together(Receipt receipt, events::FlipStep how, const std::string& warning,
                      const std::string& idem_key = "");
  void doubt(const std::string& service, const std::string& why);
  void settle_doubt(const std::string& service);
  void tell_doubts();
  void emit_flip(events::FlipStep step, FlipEntry& entry);
  void release_drain_waiters(FlipEntry& entry);
  void release_verify_waiters(FlipEntry& entry);

  boost::asio::io_context& io_;
  worker::DataPlane& plane_;
  state::StateStore& store_;
  ledger::Ledger& ledger_;
  const std::shared_ptr<ControlObserver> observer_;
  const ControllerOptions options_;
  const std::string boot_id_;
  // What outlives this object only as a weak pointer: handlers that are still under way.
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);

  FlipWatcher* watcher_ = nullptr;
  events::Stream& stream_;
  events::Alarms& alarms_;
  UlidMaker ulids_;
  History history_;
  IdempotencyTable keys_;
  std::shared_ptr<SlotKeeper> keeper_;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, std::string> doubts_;  // service: why its color is uncertain
  std::map<std::pair<std::string, Color>, upstream::PoolHealth> panics_;  // pools in panic
  std::map<const drain::SwitchRecord*, Run> live_;                        // stored, not all ended
  Policy* policy_ = nullptr;
  Rehearsals rehearsals_;
};

}  // namespace switchback::release
