#include "admin/release/flip_fsm.hpp"

#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

using namespace switchback::release;
using A = FlipAction;
using E = FlipEvent;

namespace {

struct Row {
  Phase phase;
  bool hurried;
  E event;
  Phase then;
  std::vector<A> actions;
};

// Everything that means something; every other pair of phase and event must do nothing.
const std::vector<Row> table = {
    {Phase::fresh, false, E::go, Phase::persisting, {A::write, A::persist, A::arm_promote}},
    {Phase::fresh, true, E::go, Phase::moving, {A::write, A::store, A::persist, A::arm_rollback}},
    {Phase::fresh, false, E::probe, Phase::probing, {A::probe}},
    {Phase::fresh, true, E::probe, Phase::probing, {A::probe}},
    {Phase::fresh, false, E::refuse, Phase::done, {A::answer_refused}},
    {Phase::fresh, true, E::refuse, Phase::done, {A::answer_refused}},
    {Phase::fresh, false, E::already, Phase::done, {A::answer_already}},
    {Phase::fresh, true, E::already, Phase::done, {A::answer_already}},
    {Phase::fresh, false, E::restate, Phase::restating, {A::write, A::persist, A::arm_rollback}},
    {Phase::fresh, true, E::restate, Phase::restating, {A::write, A::persist, A::arm_rollback}},
    {Phase::fresh, false, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::fresh, true, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::probing, false, E::alive, Phase::persisting, {A::write, A::persist, A::arm_promote}},
    {Phase::probing,
     true,
     E::alive,
     Phase::moving,
     {A::write, A::store, A::persist, A::arm_rollback}},
    {Phase::probing, false, E::dead, Phase::done, {A::answer_refused}},
    {Phase::probing, true, E::dead, Phase::done, {A::answer_refused}},
    {Phase::probing, false, E::timeout, Phase::done, {A::answer_refused}},
    {Phase::probing, true, E::timeout, Phase::done, {A::answer_refused}},
    {Phase::probing, false, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::probing, true, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::persisting, false, E::state_ok, Phase::switching, {A::store, A::arm_barrier}},
    {Phase::persisting,
     false,
     E::state_failed,
     Phase::done,
     {A::write_back, A::answer_not_durable}},
    {Phase::persisting, false, E::timeout, Phase::done, {A::write_back, A::answer_not_durable}},
    {Phase::persisting, false, E::hasten, Phase::moving, {A::store, A::arm_rollback}},
    {Phase::persisting, false, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::moving, false, E::state_ok, Phase::switching, {A::arm_barrier}},
    {Phase::moving, false, E::state_failed, Phase::switching, {A::mark_behind, A::arm_barrier}},
    {Phase::moving, false, E::timeout, Phase::switching, {A::mark_behind, A::arm_barrier}},
    {Phase::moving, false, E::barrier, Phase::saving, {}},
    {Phase::saving, false, E::state_ok, Phase::draining, {A::answer_moved}},
    {Phase::saving, false, E::state_failed, Phase::draining, {A::mark_behind, A::answer_moved}},
    {Phase::saving, false, E::timeout, Phase::draining, {A::mark_behind, A::answer_moved}},
    {Phase::persisting, true, E::state_ok, Phase::switching, {A::store, A::arm_barrier}},
    {Phase::persisting, true, E::state_failed, Phase::done, {A::write_back, A::answer_not_durable}},
    {Phase::persisting, true, E::timeout, Phase::done, {A::write_back, A::answer_not_durable}},
    {Phase::persisting, true, E::hasten, Phase::moving, {A::store, A::arm_rollback}},
    {Phase::persisting, true, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::moving, true, E::state_ok, Phase::switching, {A::arm_barrier}},
    {Phase::moving, true, E::state_failed, Phase::switching, {A::mark_behind, A::arm_barrier}},
    {Phase::moving, true, E::timeout, Phase::switching, {A::mark_behind, A::arm_barrier}},
    {Phase::moving, true, E::barrier, Phase::saving, {}},
    {Phase::saving, true, E::state_ok, Phase::draining, {A::answer_moved}},
    {Phase::saving, true, E::state_failed, Phase::draining, {A::mark_behind, A::answer_moved}},
    {Phase::saving, true, E::timeout, Phase::draining, {A::mark_behind, A::answer_moved}},
    {Phase::restating, false, E::state_ok, Phase::done, {A::answer_already}},
    {Phase::restating, true, E::state_ok, Phase::done, {A::answer_already}},
    {Phase::restating, false, E::state_failed, Phase::done, {A::mark_behind, A::answer_already}},
    {Phase::restating, true, E::state_failed, Phase::done, {A::mark_behind, A::answer_already}},
    {Phase::restating, false, E::timeout, Phase::done, {A::mark_behind, A::answer_already}},
    {Phase::restating, true, E::timeout, Phase::done, {A::mark_behind, A::answer_already}},
    {Phase::switching, false, E::barrier, Phase::draining, {A::answer_moved}},
    {Phase::switching, true, E::barrier, Phase::draining, {A::answer_moved}},
    {Phase::switching, false, E::timeout, Phase::lagging, {A::answer_lagging}},
    {Phase::switching, true, E::timeout, Phase::lagging, {A::answer_lagging}},
    {Phase::lagging, false, E::barrier, Phase::draining, {A::settle}},
    {Phase::lagging, true, E::barrier, Phase::draining, {A::settle}},
    {Phase::draining, false, E::drained, Phase::done, {A::finish}},
    {Phase::draining, true, E::drained, Phase::done, {A::finish}},
};

const Row* row_for(Phase phase, bool hurried, E event) {
  for (const auto& row : table)
    if (row.phase == phase && row.hurried == hurried && row.event == event) return &row;
  return nullptr;
}

bool answers(A action) {
  return action == A::answer_moved || action == A::answer_lagging || action == A::answer_already ||
         action == A::answer_refused || action == A::answer_not_durable ||
         action == A::answer_preempted;
}

}  // namespace

TEST_CASE("each phase does on each event what the table says, and else nothing") {
  for (std::size_t p = 0; p < phase_count; ++p) {
    for (std::size_t e = 0; e < flip_event_count; ++e) {
      for (const bool hurried : {false, true}) {
        FlipMachine machine{static_cast<Phase>(p), hurried, true};
        const auto event = static_cast<E>(e);
        const auto actions = step(machine, event);
        const std::vector<A> got(actions.begin(), actions.end());
        const auto* row = row_for(static_cast<Phase>(p), hurried, event);
        INFO("phase " << to_string(static_cast<Phase>(p)) << " event " << e << " hurried "
                      << hurried);
        CHECK(machine.phase == (row ? row->then : static_cast<Phase>(p)));
        CHECK((got == (row ? row->actions : std::vector<A>{})));
      }
    }
  }
}

TEST_CASE("a promote moves only once the disk has it") {
  FlipMachine promote;
  step(promote, E::go);
  step(promote, E::timeout);
  CHECK(promote.phase == Phase::done);
}

TEST_CASE("a rollback moves at once and is answered when workers and disk are both done") {
  for (const bool disk_first : {false, true}) {
    FlipMachine machine;
    machine.hurried = true;
    step(machine, E::go);
    step(machine, disk_first ? E::state_ok : E::barrier);
    CHECK(machine.phase == (disk_first ? Phase::switching : Phase::saving));
    CHECK(step(machine, disk_first ? E::barrier : E::state_ok) == FlipActions{A::answer_moved});
    CHECK(machine.durable);
  }
}

TEST_CASE("a rollback that the disk fails or keeps waiting is answered without it, and says so") {
  for (const auto trouble : {E::timeout, E::state_failed}) {
    FlipMachine machine;
    machine.hurried = true;
    step(machine, E::go);
    step(machine, E::barrier);
    step(machine, trouble);
    CHECK(machine.phase == Phase::draining);
    CHECK_FALSE(machine.durable);
    CHECK(step(machine, E::state_ok) == FlipActions{});  // made good: no second answer
  }
}

TEST_CASE("a rollback that joins makes the switch move at once") {
  FlipMachine machine;
  step(machine, E::go);
  CHECK_FALSE(machine.hurried);
  CHECK(step(machine, E::hasten) == FlipActions{A::store, A::arm_rollback});
  CHECK(machine.hurried);
  step(machine, E::state_failed);
  CHECK(machine.phase == Phase::switching);
}

TEST_CASE("whatever happens in whatever order, a call is answered once and moves at most once") {
  std::mt19937 random(20261122);
  for (int round = 0; round < 20'000; ++round) {
    FlipMachine machine;
    machine.hurried = random() % 2;
    int answered = 0, stored = 0;
    std::set<A> done;
    for (int i = 0; i < 40; ++i) {
      const auto before = machine.phase;
      for (const auto action : step(machine, static_cast<E>(random() % flip_event_count))) {
        answered += answers(action);
        stored += action == A::store;
        done.insert(action);
      }
      REQUIRE((machine.phase >= before || before == machine.phase));
      REQUIRE((answered == 0) == (exclusive(machine.phase) || machine.phase == Phase::switching));
      // Moved is a promote only with the disk's word, and answered is a rollback only with the
      // disk's word or its time over: neither while a write is under way.
      if (answered)
        REQUIRE_FALSE((machine.phase == Phase::moving || machine.phase == Phase::saving));
    }
    REQUIRE(answered <= 1);
    REQUIRE(stored <= 1);
    // Traffic moves only after the run slot, is answered only with the disk asked, and never moves
    // on a refused call.
    if (stored) {
      REQUIRE(done.count(A::write));
      REQUIRE(done.count(A::persist));
      REQUIRE_FALSE(done.count(A::answer_not_durable));
      REQUIRE_FALSE(done.count(A::answer_refused));
    }
    if (done.count(A::answer_moved) || done.count(A::answer_lagging)) REQUIRE(stored == 1);
    if (done.count(A::answer_not_durable)) REQUIRE(done.count(A::write_back));
  }
}
