#include "admin/release/controller_impl.hpp"

#include "admin/events/receipt_json.hpp"
#include "admin/release/problems.hpp"

namespace switchback::release {

std::unique_ptr<Controller> make_controller(boost::asio::io_context& io, worker::DataPlane& plane,
                                            state::StateStore& store, ledger::Ledger& ledger,
                                            events::Events& events,
                                            std::shared_ptr<ControlObserver> observer,
                                            ControllerOptions options) {
  return std::make_unique<ControllerImpl>(io, plane, store, ledger, events, std::move(observer),
                                          options);
}

ControllerImpl::ControllerImpl(boost::asio::io_context& io, worker::DataPlane& plane,
                               state::StateStore& store, ledger::Ledger& ledger,
                               events::Events& events, std::shared_ptr<ControlObserver> observer,
                               ControllerOptions options)
    : io_(io),
      plane_(plane),
      store_(store),
      ledger_(ledger),
      observer_(std::move(observer)),
      options_(options),
      boot_id_(UlidMaker().next(wall_us())),
      stream_(events.stream),
      alarms_(events.alarms),
      history_(options.history_per_service),
      keys_(options.idempotency_kept, options.idempotency_ttl),
      keeper_(std::make_shared<SlotKeeper>(
          io, store, alarms_, options_,
          [this](const std::string& service, std::uint64_t epoch) { made_good(service, epoch); })),
      rehearsals_(io, plane, store, options_) {
  for (const auto& service : plane_.services())
    if (const auto view = plane_.view(service)) lane_of(service, view->epoch);
  attach_ledger();
  if (observer_) observer_->attach(this);
}

ControllerImpl::~ControllerImpl() {
  rehearsals_.stop();
  if (observer_) observer_->detach();
  ledger_.detach();
  keeper_->stop();
}

void ControllerImpl::promote(FlipRequest request, OnFlip done) {
  submit(std::move(request), false, std::move(done));
}

void ControllerImpl::rollback(FlipRequest request, OnFlip done) {
  submit(std::move(request), true, std::move(done));
}

std::optional<Problem> ControllerImpl::pause(const std::string& service, config::Duration max,
                                             const Actor& actor) {
  using namespace std::chrono_literals;
  const auto view = plane_.view(service);
  if (!view) return problems::unknown_service(service);
  if (max < 1ms || max > 10min) return problems::bad_pause(service);
  if (!plane_.pause(service)) return problems::unknown_service(service);
  auto& lane = lane_of(service, view->epoch);
  // A second pause sets the time anew; the handler of the first then finds its turn over.
  const auto turn = ++lane.pause_turn;
  lane.pause_timer = std::make_unique<boost::asio::steady_timer>(io_, max);
  lane.pause_timer->async_wait(
      [this, alive = std::weak_ptr(alive_), service, turn](boost::system::error_code ec) {
        if (ec || alive.expired() || lanes_[service].pause_turn != turn) return;
        resume(service, {"switchback", "internal", config::Role::admin});
      });
  stream_.emit(events::Paused{service, max.count(), actor.name, actor.auth});
  return std::nullopt;
}

std::optional<Problem> ControllerImpl::resume(const std::string& service, const Actor& actor) {
  const auto view = plane_.view(service);
  if (!view) return problems::unknown_service(service);
  auto& lane = lane_of(service, view->epoch);
  ++lane.pause_turn;
  lane.pause_timer.reset();
  if (!plane_.resume(service)) return problems::unknown_service(service);
  // Resuming what runs is not an event, and not an error either.
  if (view->paused) stream_.emit(events::Resumed{service, actor.name, actor.auth, view->waiting});
  return std::nullopt;
}

std::optional<Receipt> ControllerImpl::flip(const std::string& id) const {
  const auto entry = history_.find(id);
  if (!entry) return std::nullopt;
  entry->refresh();
  return entry->receipt;
}

std::vector<Receipt> ControllerImpl::history(const std::string& service, std::size_t limit) const {
  return history_.list(service, limit);
}

std::optional<Receipt> ControllerImpl::last_flip(const std::string& service) const {
  const auto entry = history_.newest(service);
  if (!entry) return std::nullopt;
  entry->refresh();
  return entry->receipt;
}

std::optional<Color> ControllerImpl::rollback_target(const std::string& service) const {
  const auto at = lanes_.find(service);
  if (at == lanes_.end() || !at->second.current) return std::nullopt;
  return rollback_target_of(at->second.current, at->second.current->active);
}

void ControllerImpl::name_releases(worker::ServiceView& view) const {
  if (policy_) policy_->name_releases(view);
}

std::optional<worker::ServiceView> ControllerImpl::named_view(const std::string& service) const {
  auto view = plane_.view(service);
  if (view) name_releases(*view);
  return view;
}

void ControllerImpl::reloaded(bool adopted, const std::string& text) {
  for (const auto& service : plane_.services())
    if (const auto view = plane_.view(service)) lane_of(service, view->epoch);
  tell_panics();
  on_names_changed();  // a name that was in trouble may be gone from the configuration
  stream_.emit(events::Reloaded{adopted, text});
}

}  // namespace switchback::release
