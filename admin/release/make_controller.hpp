// Makes the Controller. Order at a start:
//   auto store = state::StateStore::open(config.state_dir, config.run_dir);       // throws: exit 2
//   auto ledger = ledger::Ledger::open({.path = config.state_dir + "/ledger.db"});
//   auto observer = release::make_observer(io);
//   auto started = worker::start_data_plane(config, store->seeds(config), observer);
//   auto controller = release::make_controller(io, *started.plane, *store, *ledger, events,
//                                              observer);
//   io.run();
// Ends in the reverse order; the io_context outlives them all (and is not run once the controller
// has gone). A reload calls store->seeds(config) for new services, plane->reload, then
// controller->reloaded(…).
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "admin/events/events.hpp"
#include "admin/ledger/ledger.hpp"
#include "admin/release/control_observer.hpp"
#include "admin/release/controller.hpp"
#include "admin/state/state_store.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::release {

struct ControllerOptions {
  config::Duration promote_persist{1000};  // a promote that is not on disk by then is refused
  config::Duration rollback_persist{50};   // a rollback goes on without the disk
  config::Duration barrier{250};           // then the answer says `switching`
  config::Duration probe{250};             // the last look at a standby that seems dead
  config::Duration retry_first{100}, retry_most{5000};  // state slots that are behind
  config::Duration idempotency_ttl{24 * 3600 * 1000};
  std::size_t history_per_service = 1000;
  std::size_t idempotency_kept = 10'000;
  std::size_t waiting_per_service = 64;  // promotes waiting for their turn
  config::Duration rehearsal{2000};      // a null flip that takes longer has failed
  // Called as a switch passes "requested", "decided", "run_slot", "persisted", "stored" and
  // "answered": for tests, which end the process there. The program itself never sets it.
  std::function<void(std::string_view point)> on_point;
};

std::unique_ptr<Controller> make_controller(boost::asio::io_context& io, worker::DataPlane& plane,
                                            state::StateStore& store, ledger::Ledger& ledger,
                                            events::Events& events,
                                            std::shared_ptr<ControlObserver> observer,
                                            ControllerOptions options = {});

}  // namespace switchback::release
