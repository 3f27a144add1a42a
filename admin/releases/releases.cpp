#include "admin/releases/releases.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "admin/events/receipt_json.hpp"
#include "admin/releases/capacity.hpp"
#include "admin/releases/configured_servers.hpp"
#include "admin/releases/hold_book.hpp"
#include "admin/releases/judges.hpp"
#include "admin/releases/problems.hpp"
#include "admin/releases/views.hpp"

namespace switchback::releases {

struct Releases::Impl : std::enable_shared_from_this<Releases::Impl> {
  Impl(boost::asio::io_context& io, worker::DataPlane& p, release::Controller& c, events::Stream& s,
       ledger::Ledger& l, ReleasesOptions o)
      : plane(p),
        controller(c),
        stream(s),
        ledger(l),
        options(o),
        registry([this](const Change& change) { changed(change); }),
        timer(io) {}

  void changed(const Change& change);
  void put_hold(const Hold& hold) { ledger.put(to_row(hold)); }
  Situation situation(const std::string& service) const;
  Capacity& capacity_of(const std::string& service, Color color);
  Fitness fitness_of(const worker::ServiceView& view, Color color) const;
  void tick_later();
  void tick();
  void watch(const worker::ServiceView& view, const std::array<std::uint64_t, 2>& requests);
  void adopt(const std::vector<ledger::Row>& rows);
  Outcome with_actor(Outcome outcome, const char* action, const release::Actor& actor);

  worker::DataPlane& plane;
  release::Controller& controller;
  events::Stream& stream;
  ledger::Ledger& ledger;
  const ReleasesOptions options;
  Registry registry;
  HoldBook holds;
  const HoldJudge hold_judge{holds};
  const QuarantineJudge quarantine_judge{registry};
  ConfiguredServers servers;
  std::map<std::pair<std::string, Color>, Capacity> capacities;
  std::map<std::pair<std::string, Color>, Fitness::Verification> verifications;
  boost::asio::steady_timer timer;
  bool stopped = false;
};

void Releases::Impl::changed(const Change& change) {
  ledger.put(to_row(change.release));
  if (change.from == change.release.state && !change.created) return;
  // What was verified was another release.
  if (change.release.state == State::staged && change.release.color)
    verifications.erase({change.release.service, *change.release.color});
  stream.emit(events::ReleaseMoved{
      change.release, change.created ? std::nullopt : std::optional(change.from), change.why});
}

Situation Releases::Impl::situation(const std::string& service) const {
  Situation now;
  if (const auto view = plane.view(service)) {
    now.active = view->active;
    for (std::size_t i = 0; i < 2; ++i) now.configured[i] = view->pools[i].release;
  }
  now.rollback_target = controller.rollback_target(service);
  return now;
}

Capacity& Releases::Impl::capacity_of(const std::string& service, Color color) {
  return capacities.try_emplace({service, color}, options.ticks_per_window).first->second;
}

Fitness Releases::Impl::fitness_of(const worker::ServiceView& view, Color color) const {
  Fitness fitness;
  for (const auto& server : view.pools[index_of(color)].servers) {
    if (server.weight == 0) continue;
    ++fitness.servers;
    if (server.health == upstream::Health::healthy) ++fitness.healthy;
  }
  if (const auto at = capacities.find({view.service, color}); at != capacities.end()) {
    fitness.peak_rps_per_server = at->second.peak_per_server();
    fitness.peak_wall_us = at->second.peak_wall_us();
    fitness.rps_now = at->second.rate();
  }
  if (const auto at = verifications.find({view.service, color}); at != verifications.end())
    fitness.verification = at->second;
  return fitness;
}

void Releases::Impl::tick_later() {
  timer.expires_after(options.tick);
  timer.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || self->stopped) return;
    self->tick();
    self->tick_later();
  });
}

void Releases::Impl::tick() {
  for (const auto& hold : holds.ended(wall_us()))
    stream.emit(events::HoldChanged{events::HoldStep::ended, hold});
  std::map<std::string, std::array<std::uint64_t, 2>> requests;
  for (const auto& service : plane.stats().services)
    for (const auto* shard : service.shards)
      for (std::size_t i = 0; i < 2; ++i)
        requests[service.name][i] += shard->color[i].requests.read();
  for (const auto& name : plane.services())
    if (const auto view = plane.view(name)) watch(*view, requests[name]);
}

void Releases::Impl::watch(const worker::ServiceView& view,
                           const std::array<std::uint64_t, 2>& requests) {
  const std::int64_t now_us = wall_us();
  for (const Color color : {Color::blue, Color::green}) {
    auto& capacity = capacity_of(view.service, color);
    const bool risen =
        capacity.sample(monotonic_ns(), requests[index_of(color)], fitness_of(view, color).healthy,
                        color == view.active, now_us);
    if (risen)
      ledger.put(
          {ledger::Table::capacity,
           {view.service, std::string(to_string(color)), capacity.peak_per_server(), now_us}});
  }
  const Color standby = other(view.active);
  const auto fitness = fitness_of(view, standby);
  registry.observed(view.service, standby, fitness.fit(), fitness.why_not(), now_us);
}

void Releases::Impl::adopt(const std::vector<ledger::Row>& rows) {
  for (const auto& row : rows) {
    if (row.table == ledger::Table::release) registry.restore(row);
    if (row.table == ledger::Table::hold) holds.restore(row, wall_us());
    if (row.table != ledger::Table::capacity) continue;
    const auto color = row.text(1) == "green" ? Color::green : Color::blue;
    capacity_of(row.text(0), color).restore(row.number(2), row.integer(3));
  }
}

Outcome Releases::Impl::with_actor(Outcome outcome, const char* action,
                                   const release::Actor& actor) {
  if (const auto* taken = std::get_if<Taken>(&outcome)) {
    stream.emit(events::ReleaseAsked{taken->release.service, taken->release.version, action,
                                     actor.name, actor.auth, taken->warnings});
  }
  return outcome;
}

Releases::Releases(boost::asio::io_context& io, worker::DataPlane& plane,
                   release::Controller& controller, events::Stream& stream, ledger::Ledger& ledger,
                   ReleasesOptions options)
    : impl_(std::make_shared<Impl>(io, plane, controller, stream, ledger, options)) {
  admit(impl_->hold_judge);
  admit(impl_->quarantine_judge);
  controller.set_policy(this);
  // What the ledger held comes now, or once it can be read at last, and then from its lane.
  for (const auto table : {ledger::Table::release, ledger::Table::hold, ledger::Table::capacity})
    ledger.when_loaded(table, [this, &io, weak = std::weak_ptr(impl_),
                               here = std::this_thread::get_id()](std::vector<ledger::Row> rows) {
      const auto take = [this, weak, rows = std::move(rows)] {
        const auto impl = weak.lock();
        if (!impl || impl->stopped) return;
        impl->adopt(rows);
        configuration_changed();
      };
      if (std::this_thread::get_id() == here) return take();
      boost::asio::post(io, take);
    });
  configuration_changed();
  impl_->tick();
  impl_->tick_later();
}

Releases::~Releases() {
  impl_->stopped = true;
  impl_->timer.cancel();
  impl_->controller.set_policy(nullptr);
}

Outcome Releases::add(const NewRelease& release, const release::Actor& actor) {
  return impl_->with_actor(
      impl_->registry.add(release, impl_->situation(release.service), wall_us()), "add", actor);
}

Outcome Releases::stage(const std::string& service, const std::string& version,
                        const std::optional<Color>& color, const release::Actor& actor) {
  const auto now = impl_->situation(service);
  return impl_->with_actor(
      impl_->registry.stage(service, version, color.value_or(other(now.active)), now, wall_us()),
      "stage", actor);
}

Outcome Releases::requalify(const std::string& service, const std::string& version,
                            const std::string& reason, const release::Actor& actor) {
  return impl_->with_actor(
      impl_->registry.requalify(service, version, reason, impl_->situation(service), wall_us()),
      "requalify", actor);
}

Outcome Releases::retire(const std::string& service, const std::string& version,
                         const std::string& reason, const release::Actor& actor) {
  return impl_->with_actor(
      impl_->registry.retire(service, version, reason, impl_->situation(service), wall_us()),
      "retire", actor);
}

std::vector<Release> Releases::list(const std::string& service) const {
  return impl_->registry.list(service);
}

std::optional<Release> Releases::find(const std::string& service,
                                      const std::string& version) const {
  const auto* found = impl_->registry.find(service, version);
  return found ? std::optional(*found) : std::nullopt;
}

std::optional<Release> Releases::on(const std::string& service, Color color) const {
  const auto* found = impl_->registry.on(service, color);
  return found ? std::optional(*found) : std::nullopt;
}

Hold Releases::hold(const std::string& service, const std::string& reason,
                    std::int64_t until_wall_us, const release::Actor& actor) {
  Hold hold;
  hold.service = service;
  hold.placed_wall_us = wall_us();
  hold.actor = actor.name;
  hold.reason = reason;
  hold.until_wall_us = until_wall_us;
  const auto changed = impl_->holds.place(std::move(hold));
  for (const auto& one : changed) impl_->put_hold(one);
  impl_->stream.emit(events::HoldChanged{events::HoldStep::placed, changed.back()});
  return changed.back();
}

bool Releases::lift(const std::string& service, const release::Actor& actor) {
  const auto lifted = impl_->holds.lift(service, actor.name, wall_us());
  if (!lifted) return false;
  impl_->put_hold(*lifted);
  impl_->stream.emit(events::HoldChanged{events::HoldStep::lifted, *lifted});
  return true;
}

std::optional<Hold> Releases::held(const std::string& service) const {
  const auto* hold = impl_->holds.standing(service, wall_us());
  return hold ? std::optional(*hold) : std::nullopt;
}

std::vector<Hold> Releases::holds(const std::string& service) const {
  return impl_->holds.all(service);
}

Fitness Releases::fitness(const std::string& service, Color color) const {
  const auto view = impl_->plane.view(service);
  return view ? impl_->fitness_of(*view, color) : Fitness{};
}

void Releases::note_verification(const std::string& service, Color color, bool ok,
                                 const std::string& text, bool wrong_version) {
  impl_->verifications[{service, color}] = {ok, text, wall_us()};
  if (wrong_version && impl_->situation(service).active != color)
    impl_->registry.lose(service, color, text, wall_us());
}

void Releases::forget_verification(const std::string& service) {
  for (const Color color : {Color::blue, Color::green})
    impl_->verifications.erase({service, color});
}

void Releases::bake_ended(const std::string& service) {
  impl_->registry.bake_ended(service, impl_->situation(service).active, wall_us());
}

void Releases::servers_configured(const config::Config& config) {
  for (const auto& gone : impl_->servers.adopt(config)) {
    const auto* there = impl_->registry.on(gone.service, gone.color);
    const bool named = there && gone.replaced && gone.release == there->version;
    if (!there || named || impl_->situation(gone.service).active == gone.color) continue;
    impl_->registry.lose(gone.service, gone.color, gone.text, wall_us());
  }
}

void Releases::configuration_changed() {
  for (const auto& service : impl_->plane.services()) {
    const auto now = impl_->situation(service);
    const auto last = impl_->controller.last_flip(service);
    const bool quarantine = last && (last->kind == release::FlipKind::rollback ||
                                     last->kind == release::FlipKind::auto_rollback);
    impl_->registry.settle(service, now, quarantine, wall_us());
    for (const Color color : {Color::blue, Color::green})
      impl_->registry.configured(service, color, now.configured[index_of(color)], now, wall_us());
  }
}

void Releases::name_releases(worker::ServiceView& view) const {
  for (const Color color : {Color::blue, Color::green})
    if (const auto* there = impl_->registry.on(view.service, color))
      view.pools[index_of(color)].release = there->version;
}

std::optional<release::Problem> Releases::explain_target(const worker::ServiceView& view,
                                                         const std::string& to) const {
  const auto* known = impl_->registry.find(view.service, to);
  if (!known || known->color) return std::nullopt;
  return problems::not_staged(*known, other(view.active));
}

void Releases::moved(const release::Receipt& receipt) {
  // Of when these sides had each other's part: a new round comes at once.
  forget_verification(receipt.service);
  const bool baking =
      receipt.kind == release::FlipKind::promote && bakes_ && bakes_(receipt.service);
  impl_->registry.moved(receipt.service, receipt.to, receipt.kind, receipt.reason, baking,
                        wall_us());
}

}  // namespace switchback::releases
