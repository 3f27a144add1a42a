#include "admin/cli/server_process.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <stdexcept>

#include "admin/api/admin_server.hpp"
#include "admin/api/own_deeds.hpp"
#include "admin/bake/baker.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/notify/notifier.hpp"
#include "admin/people/keeper.hpp"
#include "admin/readiness/keeper.hpp"
#include "admin/release/make_controller.hpp"
#include "admin/releases/null_flips.hpp"
#include "admin/releases/releases.hpp"
#include "admin/verify/plan.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/log/access_log.hpp"

namespace switchback::cli {

namespace asio = boost::asio;

namespace {

// What happened, for the program's log: flips and health as the event stream tells them.
void log_event(const events::Event& event) {
  const bool bad = event.as<events::AlarmRaised>() != nullptr;
  spdlog::log(bad ? spdlog::level::err : spdlog::level::info, "{} {}", event.type(), event.json());
}

ProcessHooks& hooks() {
  static ProcessHooks set;
  return set;
}

}  // namespace

void set_process_hooks(ProcessHooks set) {
  hooks() = std::move(set);
}

// Members are ended from the last to the first: the admin server before the controller it calls,
// the controller before the plane it steers, the plane before the state it reports to.
struct ServerProcess::Impl {
  Impl(asio::io_context& context, config::Config given) : io(context), config(std::move(given)) {}

  ~Impl() { events.stream.unsubscribe(subscription); }
  void watch_ledger(const events::Event& event);
  void note_own_deed(const events::Event& event);
  void audit(std::string action, const boost::json::object& body);

  void start_all();  // throws
  void start_rooms();
  void plan_null_flips();

  asio::io_context& io;
  config::Config config;
  events::Events events;  // outlives whoever speaks or listens
  std::unique_ptr<state::StateStore> store;
  std::unique_ptr<ledger::Ledger> ledger;
  std::shared_ptr<release::ControlObserver> observer;
  std::unique_ptr<worker::DataPlane> plane;
  std::unique_ptr<release::Controller> controller;
  std::unique_ptr<releases::Releases> releases;
  std::unique_ptr<releases::NullFlips> null_flips;
  std::unique_ptr<verify::Verifier> verifier;
  std::unique_ptr<people::People> people;
  std::unique_ptr<people::Keeper> keeper;
  std::unique_ptr<bake::Baker> baker;
  std::unique_ptr<readiness::Keeper> readiness;
  std::unique_ptr<notify::Notifier> notifier;
  std::unique_ptr<api::AdminServer> admin;
  std::uint64_t subscription = 0;
  // What outlives this object only as a weak pointer: handlers that are still under way.
  const std::shared_ptr<int> alive = std::make_shared<int>(0);
};

// What `check` would tell: a plan that cannot be followed is not started with. Throws.
static void refuse_faulty_plans(const config::Config& config) {
  for (const auto& fault : verify::plan_faults(config))
    if (!fault.warning)
      throw std::runtime_error(fault.message + (fault.hint.empty() ? "" : " (" + fault.hint + ")"));
}

void ServerProcess::Impl::start_all() {
  refuse_faulty_plans(config);
  store = state::StateStore::open(config.state_dir, config.run_dir, hooks().state);
  ledger = ledger::Ledger::open({.path = config.state_dir + "/ledger.db"});
  observer = release::make_observer(io);
  auto started = worker::start_data_plane(config, store->seeds(config), observer);
  if (!started.plane) throw std::runtime_error(started.error);
  plane = std::move(started.plane);
  release::ControllerOptions options;
  options.on_point = hooks().on_point;
  controller = release::make_controller(io, *plane, *store, *ledger, events, observer, options);
  people = std::make_unique<people::People>(config.admin, ledger.get());
  keeper = std::make_unique<people::Keeper>(
      io, *people, *ledger, config.state_dir + "/audit-anchor",
      people::Keeper::Notices{[this](auto code, auto text) { events.alarms.raise(code, text); },
                              [this](auto code) { events.alarms.clear(code); },
                              [this](const people::Anchor& anchor) {
                                events.stream.emit(events::AuditAnchored{anchor.seq, anchor.hash});
                              }});
  subscription =
      events.stream.subscribe(events::Stream::live_only, [this](const events::Event& event) {
        log_event(event);
        watch_ledger(event);
        note_own_deed(event);
      });
  keeper->start(config.admin);
  audit("start", {{"version", SWITCHBACK_VERSION}});
  start_rooms();
  admin = std::make_unique<api::AdminServer>(io, config.admin, *controller, events, *plane,
                                             web::ServerOptions{}, people.get());
  admin->set_rooms({.releases = releases.get(),
                    .null_flips = null_flips.get(),
                    .verifier = verifier.get(),
                    .baker = baker.get(),
                    .readiness = readiness.get(),
                    .notifier = notifier.get()});
  if (const auto error = admin->start(); !error.empty()) throw std::runtime_error(error);
}

void ServerProcess::Impl::start_rooms() {
  releases = std::make_unique<releases::Releases>(io, *plane, *controller, events.stream, *ledger);
  releases->servers_configured(config);
  null_flips = std::make_unique<releases::NullFlips>(io, *controller, events.stream, *ledger);
  verifier = verify::make_verifier(io, *plane, *controller, events, *ledger, config);
  verifier->set_release_facts([this](const std::string& service, Color color) {
    verify::ReleaseFacts facts;
    if (auto view = plane->view(service)) {
      controller->name_releases(*view);
      facts.version = view->pools[index_of(color)].release;
    }
    const auto release = releases->on(service, color);
    if (release) facts.commit = release->git_commit;
    return facts;
  });
  null_flips->set_permission([this](const std::string& service) {
    return admin ? admin->may_roll_back(service) : std::string("the admin plane has ended");
  });
  plan_null_flips();
  baker = std::make_unique<bake::Baker>(io, *plane, *controller, events, *releases, *verifier,
                                        *ledger, config);
  readiness = std::make_unique<readiness::Keeper>(
      io,
      readiness::Sources{plane.get(), controller.get(), &events, releases.get(), null_flips.get(),
                         verifier.get(), baker.get(), people.get()},
      *ledger, config);
  notifier = std::make_unique<notify::Notifier>(io, events, config);
}

void ServerProcess::Impl::plan_null_flips() {
  std::map<std::string, config::Duration> periods;
  for (const auto& service : config.services) periods[service.name] = service.null_flip;
  null_flips->set_periods(periods);
}

// A ledger that was set aside or taken away has lost what memory still knows.
void ServerProcess::Impl::watch_ledger(const events::Event& event) {
  const auto* alarm = event.as<events::AlarmRaised>();
  if (alarm == nullptr) return;
  const auto& code = alarm->code;
  if (code == "ledger_corrupt" || code == "ledger_lost") keeper->ledger_begun_anew(code);
}

// On a turn of its own: whoever emits is in the middle of something.
void ServerProcess::Impl::note_own_deed(const events::Event& event) {
  asio::post(io, [this, weak = std::weak_ptr(alive), event] {
    if (weak.expired()) return;
    if (auto entry = api::own_deed(event, wall_us())) people->audit().note(std::move(*entry));
  });
}

// What the process itself does, or was told by a signal.
void ServerProcess::Impl::audit(std::string action, const boost::json::object& body) {
  people->audit().note(
      {wall_us(), "switchback", "internal", "", std::move(action), boost::json::serialize(body)});
}

ServerProcess::ServerProcess(asio::io_context& io, config::Config config)
    : impl_(std::make_unique<Impl>(io, std::move(config))) {}

ServerProcess::~ServerProcess() = default;

std::string ServerProcess::start() {
  try {
    impl_->start_all();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::vector<std::string> ServerProcess::listener_addresses() const {
  return impl_->plane->listener_addresses();
}

std::vector<std::string> ServerProcess::admin_addresses() const {
  return impl_->admin->addresses();
}

std::vector<std::string> ServerProcess::health_addresses() const {
  return impl_->admin->health_addresses();
}

const config::Config& ServerProcess::config() const {
  return impl_->config;
}

worker::DataPlane& ServerProcess::plane() {
  return *impl_->plane;
}

people::People& ServerProcess::people() {
  return *impl_->people;
}

release::Controller& ServerProcess::controller() {
  return *impl_->controller;
}

std::string ServerProcess::adopt(config::Config fresh, std::string& changes) {
  if (const auto fault = impl_->admin->check(fresh.admin); !fault.empty()) {
    impl_->controller->reloaded(false, fault);
    return fault;
  }
  // New services need their slots first: those can fail, and then nothing has changed yet.
  try {
    refuse_faulty_plans(fresh);
    const auto seeds = impl_->store->seeds(fresh);
    impl_->plane->reload(fresh, seeds);
  } catch (const std::exception& error) {
    impl_->controller->reloaded(false, error.what());
    return error.what();
  }
  for (const std::string& line : impl_->plane->renewed_files()) {
    spdlog::info("reload: {}", line);
    changes += (changes.empty() ? "" : "; ") + line;
  }
  if (const auto fault = impl_->admin->adopt(fresh.admin); !fault.empty())
    spdlog::error("{}", fault);
  impl_->keeper->adopt(fresh.admin);
  impl_->audit("reload", {{"changes", changes}});
  log::set_program_log_level(fresh.log.level);
  impl_->config = std::move(fresh);
  impl_->releases->servers_configured(impl_->config);
  impl_->releases->configuration_changed();
  impl_->plan_null_flips();
  impl_->verifier->configure(impl_->config);
  impl_->baker->configure(impl_->config);
  impl_->readiness->configure(impl_->config);
  impl_->notifier->configure(impl_->config);
  impl_->controller->reloaded(true, changes);
  return "";
}

void ServerProcess::reopen_logs() {
  impl_->plane->reopen_logs();
}

void ServerProcess::write_out() {
  impl_->plane->flush_logs();
  impl_->people->write_out();
  impl_->ledger->flush(std::chrono::milliseconds(250));
}

void ServerProcess::shut_down(config::Duration limit, std::function<void()> done) {
  // The guard keeps the control thread running until the workers have said that they are done.
  auto guard = std::make_shared<asio::executor_work_guard<asio::io_context::executor_type>>(
      impl_->io.get_executor());
  impl_->admin->leave();
  impl_->plane->shut_down(limit, [this, guard, done = std::move(done)]() mutable {
    asio::post(impl_->io, [this, guard, done = std::move(done)] {
      impl_->admin->stop();
      impl_->audit("stop", {});
      impl_->keeper->finish();
      // Behind the events that were emitted up to here.
      asio::post(impl_->io, [this, guard, done = std::move(done)] {
        impl_->notifier->finish(std::chrono::seconds(2));
        done();
      });
    });
  });
}

}  // namespace switchback::cli
