#include "admin/release/flip_fsm.hpp"

namespace switchback::release {
namespace {

using A = FlipAction;
using E = FlipEvent;

// Judged, and it may move.
FlipActions go(FlipMachine& m) {
  if (!m.hurried) {
    m.phase = Phase::persisting;
    return {A::write, A::persist, A::arm_promote};
  }
  m.phase = Phase::moving;
  return {A::write, A::store, A::persist, A::arm_rollback};
}

FlipActions on_fresh(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::go:
      return go(m);
    case E::probe:
      m.phase = Phase::probing;
      return {A::probe};
    case E::restate:
      m.phase = Phase::restating;
      return {A::write, A::persist, A::arm_rollback};
    case E::already:
      m.phase = Phase::done;
      return {A::answer_already};
    case E::refuse:
      m.phase = Phase::done;
      return {A::answer_refused};
    case E::preempt:
      m.phase = Phase::done;
      return {A::answer_preempted};
    default:
      return {};
  }
}

FlipActions on_probing(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::alive:
      return go(m);
    case E::dead:
    case E::timeout:
      m.phase = Phase::done;
      return {A::answer_refused};
    case E::preempt:
      m.phase = Phase::done;
      return {A::answer_preempted};
    case E::hasten:
      m.hurried = true;
      return {};
    default:
      return {};
  }
}

FlipActions on_persisting(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::state_ok:
      m.phase = Phase::switching;
      return {A::store, A::arm_barrier};
    case E::state_failed:
    case E::timeout:
      m.phase = Phase::done;
      return {A::write_back, A::answer_not_durable};
    case E::hasten:
      m.hurried = true;
      m.phase = Phase::moving;
      return {A::store, A::arm_rollback};
    case E::preempt:
      m.phase = Phase::done;
      return {A::answer_preempted};
    default:
      return {};
  }
}

FlipActions on_moving(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::state_ok:
      m.phase = Phase::switching;
      return {A::arm_barrier};
    case E::state_failed:
    case E::timeout:
      m.phase = Phase::switching;
      m.durable = false;
      return {A::mark_behind, A::arm_barrier};
    case E::barrier:
      m.phase = Phase::saving;
      return {};
    default:
      return {};
  }
}

FlipActions on_saving(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::state_ok:
      m.phase = Phase::draining;
      return {A::answer_moved};
    case E::state_failed:
    case E::timeout:
      m.phase = Phase::draining;
      m.durable = false;
      return {A::mark_behind, A::answer_moved};
    default:
      return {};
  }
}

FlipActions on_restating(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::state_ok:
      m.phase = Phase::done;
      return {A::answer_already};
    case E::state_failed:
    case E::timeout:
      m.phase = Phase::done;
      m.durable = false;
      return {A::mark_behind, A::answer_already};
    default:
      return {};
  }
}

FlipActions on_switching(FlipMachine& m, FlipEvent event) {
  switch (event) {
    case E::barrier:
      m.phase = Phase::draining;
      return {A::answer_moved};
    case E::timeout:
      m.phase = Phase::lagging;
      return {A::answer_lagging};
    default:
      return {};
  }
}

}  // namespace

FlipActions step(FlipMachine& m, FlipEvent event) {
  switch (m.phase) {
    case Phase::fresh:
      return on_fresh(m, event);
    case Phase::probing:
      return on_probing(m, event);
    case Phase::persisting:
      return on_persisting(m, event);
    case Phase::restating:
      return on_restating(m, event);
    case Phase::moving:
      return on_moving(m, event);
    case Phase::saving:
      return on_saving(m, event);
    case Phase::switching:
      return on_switching(m, event);
    case Phase::lagging:
      if (event != E::barrier) return {};
      m.phase = Phase::draining;
      return {A::settle};
    case Phase::draining:
      if (event != E::drained) return {};
      m.phase = Phase::done;
      return {A::finish};
    case Phase::done:
      return {};
  }
  return {};
}

std::string_view to_string(Phase phase) {
  constexpr std::string_view names[] = {"fresh",  "probing",   "persisting", "restating", "moving",
                                        "saving", "switching", "lagging",    "draining",  "done"};
  return names[static_cast<std::size_t>(phase)];
}

}  // namespace switchback::release
