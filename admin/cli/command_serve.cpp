// serve: the proxy in the foreground, and what the signals do to it.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "admin/cli/arguments.hpp"
#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/process.hpp"
#include "admin/cli/server_process.hpp"
#include "admin/exec/children.hpp"
#include "config/diff.hpp"
#include "config/yaml_loader.hpp"
#include "proxy/log/access_log.hpp"

namespace switchback::cli {
namespace {

namespace asio = boost::asio;

constexpr config::Duration shutdown_limit = std::chrono::seconds(30);

// What a running process cannot change stays as it is (the fields whose rows give a reason for a
// restart), so that the rest of a reload can be adopted.
void keep_what_needs_restart(const config::Config& running, config::Config& fresh) {
  fresh.listeners = config::adoptable_listeners(running.listeners, fresh.listeners);
  fresh.state_dir = running.state_dir;
  fresh.run_dir = running.run_dir;
  fresh.workers = running.workers;
  fresh.admin.socket = running.admin.socket;
  fresh.admin.bind = running.admin.bind;
  fresh.admin.health_bind = running.admin.health_bind;
  fresh.log.access = running.log.access;
  fresh.log.path = running.log.path;
}

class Serve {
 public:
  explicit Serve(config::Config config)
      : file_(config.file),
        server_(io_, std::move(config)),
        signals_(io_, SIGHUP, SIGTERM, SIGINT) {
    signals_.add(SIGUSR1);
    if (exec::inherits_orphans()) signals_.add(SIGCHLD);  // PID 1 of a container
  }

  int run() {
    if (const auto error = server_.start(); !error.empty()) {
      std::fprintf(stderr, "switchback: %s\n", error.c_str());
      return exit_usage;
    }
    if (const auto unused = worker::unused_inherited_sockets(); !unused.empty()) {
      spdlog::warn("no listener takes the sockets {} that were passed: who connects there waits",
                   unused);
    }
    announce();
    await_signal();
    tell_manager("READY=1");
    if (watchdog_) watch();
    io_.run();
    spdlog::info("ended");
    return exit_done;
  }

 private:
  // On stderr: stdout may be the access log's.
  void announce() {
    for (const auto& address : server_.listener_addresses()) {
      std::fprintf(stderr, "switchback: listening on %s\n", address.c_str());
    }
    for (const auto& address : server_.admin_addresses()) {
      std::fprintf(stderr, "switchback: admin on %s\n", address.c_str());
    }
    for (const auto& address : server_.health_addresses()) {
      std::fprintf(stderr, "switchback: probes on %s\n", address.c_str());
    }
    for (const auto& name : server_.plane().services()) {
      const auto view = server_.plane().view(name);
      if (!view) continue;
      const auto color = to_string(view->active);
      std::fprintf(stderr, "switchback: service %s: %s is active (epoch %llu)\n", name.c_str(),
                   side({}, color, view->pools[index_of(view->active)].release).c_str(),
                   static_cast<unsigned long long>(view->epoch));
    }
  }

  static void tell_manager(std::string_view state) {
    if (const auto error = notify_manager(state); !error.empty()) {
      spdlog::warn("the service manager was not told {}: {}", state, error);
    }
  }

  // The manager hears of us only while every worker comes round to its messages: a loop that hangs
  // is what a watchdog is for.
  void watch() {
    watch_timer_.expires_after(*watchdog_ / 2);
    watch_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      server_.plane().check_workers([this] {
        asio::post(io_, [this] {
          tell_manager("WATCHDOG=1");
          watch();
        });
      });
    });
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      await_signal();
      on_signal(number);
    });
  }

  void on_signal(int number) {
    if (number == SIGHUP) {
      tell_manager(reloading_state());
      reload();
      tell_manager("READY=1");
      return;
    }
    if (number == SIGCHLD) {
      exec::reap_orphans();
      return;
    }
    if (number == SIGUSR1) {
      server_.reopen_logs();
      spdlog::info("logs reopened");
      return;
    }
    end(number);
  }

  void reload() {
    auto loaded = config::load_file(file_);
    for (const auto& fault : loaded.diagnostics) {
      spdlog::log(fault.warning ? spdlog::level::warn : spdlog::level::err, "{}", fault.text());
    }
    if (!loaded.config) {
      spdlog::error("reload refused: {} is faulty; the configuration in force stays whole", file_);
      server_.controller().reloaded(false, file_ + " is faulty");
      return;
    }
    const auto diff = config::diff(server_.config(), *loaded.config);
    std::string changes;
    for (const auto& change : diff.changes) {
      spdlog::info("reload: {}", change);
      changes += (changes.empty() ? "" : "; ") + change;
    }
    for (const auto& kept : diff.restart_required) {
      spdlog::warn("reload: needs a restart, stays as it is: {}", kept);
    }
    keep_what_needs_restart(server_.config(), *loaded.config);
    if (const auto error = server_.adopt(std::move(*loaded.config), changes); !error.empty()) {
      spdlog::error("reload refused: {}; the configuration in force stays whole", error);
      return;
    }
    const bool any = !changes.empty() || !diff.restart_required.empty();
    spdlog::info("reload: adopted {}{}", file_, any ? "" : "; nothing had changed");
  }

  void end(int number) {
    if (ending_) {
      // Asked twice: whoever asks means now. The socket file goes, so that no one finds it dead.
      spdlog::warn("second signal: ending at once; what still runs is cut");
      server_.write_out();
      spdlog::default_logger()->flush();
      if (!server_.config().admin.socket.empty()) ::unlink(server_.config().admin.socket.c_str());
      std::_Exit(128 + number);
    }
    ending_ = true;
    tell_manager("STOPPING=1");
    spdlog::info("draining for at most {} s; a second signal ends at once",
                 std::chrono::duration_cast<std::chrono::seconds>(shutdown_limit).count());
    server_.shut_down(shutdown_limit, [this] { io_.stop(); });
  }

  std::string file_;
  asio::io_context io_{1};
  ServerProcess server_;
  asio::signal_set signals_;
  asio::steady_timer watch_timer_{io_};
  const std::optional<std::chrono::microseconds> watchdog_ = watchdog_period();
  bool ending_ = false;
};

int serve(const std::string& file, const Globals&) {
  auto loaded = config::load_file(file);
  for (const auto& fault : loaded.diagnostics) std::fprintf(stderr, "%s\n", fault.text().c_str());
  if (!loaded.config) return exit_usage;
  if (const auto error = worker::adopt_inherited_sockets(); !error.empty()) {
    std::fprintf(stderr, "switchback: %s\n", error.c_str());
    return exit_usage;
  }
  log::start_program_log(loaded.config->log.level);
  raise_descriptor_limit();
  Serve server(std::move(*loaded.config));
  return server.run();
}

}  // namespace

void add_serve_command(CLI::App& app, Action& action) {
  auto file = std::make_shared<std::string>();
  auto* command = app.add_subcommand("serve", "Run the proxy in the foreground");
  command->footer(
      "Example:\n  switchback serve --config switchback.yaml\n\n"
      "SIGHUP reads the configuration again, SIGUSR1 reopens the logs, SIGTERM drains for at most "
      "30 s\n"
      "and ends, a second SIGTERM ends at once.");
  command->add_option("FILE,--config", *file, "The configuration")
      ->type_name("")
      ->default_str("switchback.yaml here, else /etc/switchback/switchback.yaml");
  command->callback([file, &action] {
    action = [file](const Globals& globals) {
      return serve(file->empty() ? default_config_file() : *file, globals);
    };
  });
}

}  // namespace switchback::cli
