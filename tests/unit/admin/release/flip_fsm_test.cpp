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
    {Phase::fresh, false, E::go, Phase::persisting, {A::write, A::arm_promote}},
    {Phase::fresh, true, E::go, Phase::persisting, {A::write, A::arm_rollback}},
    {Phase::fresh, false, E::probe, Phase::probing, {A::probe}},
    {Phase::fresh, true, E::probe, Phase::probing, {A::probe}},
    {Phase::fresh, false, E::refuse, Phase::done, {A::answer_refused}},
    {Phase::fresh, true, E::refuse, Phase::done, {A::answer_refused}},
    {Phase::fresh, false, E::already, Phase::done, {A::answer_already}},
    {Phase::fresh, true, E::already, Phase::done, {A::answer_already}},
    {Phase::fresh, false, E::restate, Phase::restating, {A::write, A::arm_rollback}},
    {Phase::fresh, true, E::restate, Phase::restating, {A::write, A::arm_rollback}},
    {Phase::fresh, false, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::fresh, true, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::probing, false, E::alive, Phase::persisting, {A::write, A::arm_promote}},
    {Phase::probing, true, E::alive, Phase::persisting, {A::write, A::arm_rollback}},
    {Phase::probing, false, E::dead, Phase::done, {A::answer_refused}},
    {Phase::probing, true, E::dead, Phase::done, {A::answer_refused}},
    {Phase::probing, false, E::timeout, Phase::done, {A::answer_refused}},
    {Phase::probing, true, E::timeout, Phase::done, {A::answer_refused}},
    {Phase::probing, false, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::probing, true, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::persisting, false, E::state_ok, Phase::switching, {A::store}},
    {Phase::persisting, true, E::state_ok, Phase::switching, {A::store}},
    {Phase::persisting,
     false,
     E::state_failed,
     Phase::done,
     {A::write_back, A::answer_not_durable}},
    {Phase::persisting, false, E::timeout, Phase::done, {A::write_back, A::answer_not_durable}},
    {Phase::persisting, true, E::state_failed, Phase::switching, {A::mark_behind, A::store}},
    {Phase::persisting, true, E::timeout, Phase::switching, {A::mark_behind, A::store}},
    {Phase::persisting, false, E::hasten, Phase::persisting, {A::arm_rollback}},
    {Phase::persisting, false, E::preempt, Phase::done, {A::answer_preempted}},
    {Phase::persisting, true, E::preempt, Phase::done, {A::answer_preempted}},
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

TEST_CASE("only a hurried switch goes on without the disk, and then says so") {
  FlipMachine promote;
  step(promote, E::go);
  step(promote, E::timeout);
  CHECK(promote.phase == Phase::done);
  FlipMachine rollback;
  rollback.hurried = true;
  step(rollback, E::go);
  step(rollback, E::timeout);
  CHECK(rollback.phase == Phase::switching);
  CHECK_FALSE(rollback.durable);
}

TEST_CASE("a rollback that joins makes the switch hurry") {
  FlipMachine machine;
  step(machine, E::go);
  CHECK_FALSE(machine.hurried);
  step(machine, E::hasten);
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
    }
    REQUIRE(answered <= 1);
    REQUIRE(stored <= 1);
    // Traffic moves only after both slots were asked for, and never on a refused call.
    if (stored) {
      REQUIRE(done.count(A::write));
      REQUIRE_FALSE(done.count(A::answer_not_durable));
      REQUIRE_FALSE(done.count(A::answer_refused));
    }
    if (done.count(A::answer_moved) || done.count(A::answer_lagging)) REQUIRE(stored == 1);
    if (done.count(A::answer_not_durable)) REQUIRE(done.count(A::write_back));
  }
}
