#include "admin/cli/server_process.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <stdexcept>

#include "admin/api/admin_server.hpp"
#include "admin/release/make_controller.hpp"
#include "admin/verify/plan.hpp"
#include "proxy/log/access_log.hpp"

namespace switchback::cli {

namespace asio = boost::asio;

namespace {

// What happened, for the program's log: flips and health as the event stream tells them.
void log_event(const release::Event& event) {
  const bool bad = event.type == "alarm" || event.type.ends_with(".alarm");
  spdlog::log(bad ? spdlog::level::err : spdlog::level::info, "{} {}", event.type, event.json);
}

}  // namespace

// Members are ended from the last to the first: the admin server before the controller it calls,
// the controller before the plane it steers, the plane before the state it reports to.
struct ServerProcess::Impl {
  Impl(asio::io_context& context, config::Config given) : io(context), config(std::move(given)) {}

  ~Impl() {
    if (controller) controller->unsubscribe(subscription);
  }

  void start_all();  // throws

  asio::io_context& io;
  config::Config config;
  std::unique_ptr<state::StateStore> store;
  std::unique_ptr<ledger::Ledger> ledger;
  std::shared_ptr<release::ControlObserver> observer;
  std::unique_ptr<worker::DataPlane> plane;
  std::unique_ptr<release::Controller> controller;
  std::unique_ptr<api::AdminServer> admin;
  std::uint64_t subscription = 0;
};

// What `check` would tell: a plan that cannot be followed is not started with. Throws.
static void refuse_faulty_plans(const config::Config& config) {
  for (const auto& fault : verify::plan_faults(config))
    if (!fault.warning)
      throw std::runtime_error(fault.message + (fault.hint.empty() ? "" : " (" + fault.hint + ")"));
}

void ServerProcess::Impl::start_all() {
  refuse_faulty_plans(config);
  store = state::StateStore::open(config.state_dir, config.run_dir);
  ledger = ledger::Ledger::open({.path = config.state_dir + "/ledger.db"});
  observer = release::make_observer(io);
  auto started = worker::start_data_plane(config, store->seeds(config), observer);
  if (!started.plane) throw std::runtime_error(started.error);
  plane = std::move(started.plane);
  controller = release::make_controller(io, *plane, *store, *ledger, observer);
  subscription = controller->subscribe(release::Controller::events_live_only, log_event);
  admin = std::make_unique<api::AdminServer>(io, config.admin, *controller, *plane);
  if (const auto error = admin->start(); !error.empty()) throw std::runtime_error(error);
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

const config::Config& ServerProcess::config() const {
  return impl_->config;
}

worker::DataPlane& ServerProcess::plane() {
  return *impl_->plane;
}

release::Controller& ServerProcess::controller() {
  return *impl_->controller;
}

std::string ServerProcess::adopt(config::Config fresh, std::string& changes) {
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
  impl_->admin->set_access(fresh.admin);
  log::set_program_log_level(fresh.log.level);
  impl_->config = std::move(fresh);
  impl_->controller->reloaded(true, changes);
  return "";
}

void ServerProcess::reopen_logs() {
  impl_->plane->reopen_logs();
}

void ServerProcess::write_out() {
  impl_->plane->flush_logs();
  impl_->ledger->flush(std::chrono::milliseconds(250));
}

void ServerProcess::shut_down(config::Duration limit, std::function<void()> done) {
  // The guard keeps the control thread running until the workers have said that they are done.
  auto guard = std::make_shared<asio::executor_work_guard<asio::io_context::executor_type>>(
      impl_->io.get_executor());
  impl_->plane->shut_down(limit, [this, guard, done = std::move(done)]() mutable {
    asio::post(impl_->io, [this, guard, done = std::move(done)] {
      impl_->admin->stop();
      impl_->ledger->flush(std::chrono::milliseconds(1000));
      done();
    });
  });
}

}  // namespace switchback::cli
