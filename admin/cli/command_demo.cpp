// demo: the main job on one machine with nothing else installed. Proxy, admin plane, two apps and
// light traffic in this process; a state folder that goes when it ends.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "admin/cli/demo_screen.hpp"
#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/process.hpp"
#include "admin/cli/server_process.hpp"
#include "admin/cli/session.hpp"
#include "admin/demo/demo_app.hpp"
#include "admin/events/receipt_json.hpp"
#include "config/address.hpp"
#include "proxy/log/access_log.hpp"

namespace switchback::cli {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;

struct DemoOptions {
  unsigned port = 8080;
  unsigned admin_port = 9900;
  double duration_s = 0;  // 0: until it is ended
  bool plain = false;
};

// State and socket live here and go with it.
class DemoFolder {
 public:
  DemoFolder() {
    std::string path = (fs::temp_directory_path() / "sb-demo-XXXXXX").string();
    if (!::mkdtemp(path.data())) {
      const auto where = fs::temp_directory_path().string();
      throw CommandFailed{exit_usage, "switchback: no folder can be made in " + where + "\n", ""};
    }
    path_ = path;
  }
  ~DemoFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  DemoFolder(const DemoFolder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// The wanted port, or 0 (any) where it is taken.
std::uint16_t free_port(unsigned wanted) {
  asio::io_context io;
  tcp::acceptor acceptor(io);
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(),
                               static_cast<std::uint16_t>(wanted));
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1, error);
  return error ? 0 : static_cast<std::uint16_t>(wanted);
}

config::Address loopback(std::uint16_t port) {
  config::Address address;
  address.host = "127.0.0.1";
  address.port = port;
  address.text = "127.0.0.1:" + std::to_string(port);
  return address;
}

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(
      std::strtoul(address.c_str() + address.rfind(':') + 1, nullptr, 10));
}

config::Pool pool_of(const demo::DemoApp& app, const char* release) {
  config::Server server;
  server.address = loopback(port_of(app.address()));
  return {{server}, release};
}

// Small, so that every flip of the demo is proved in a moment.
config::Verify demo_plan() {
  config::Probe health, version;
  health.name = "health";
  health.method = version.method = "GET";
  health.path = "/healthz";
  version.name = "version";
  version.path = "/version";
  config::JsonExpectation release;
  release.path = "$.version";
  release.equals = "${release.version}";
  version.expect.json.push_back(std::move(release));
  config::Verify plan;
  plan.probes = {std::move(health), std::move(version)};
  return plan;
}

config::Config demo_config(const DemoOptions& options, const DemoFolder& folder,
                           const demo::DemoApp& blue, const demo::DemoApp& green) {
  config::Config config;
  config.file = "(demo)";
  config.listeners.push_back({loopback(free_port(options.port))});
  config::Service shop;
  shop.name = "shop";
  shop.blue = pool_of(blue, "v1.2");
  shop.green = pool_of(green, "v1.3");
  shop.health_check.path = "/healthz";
  shop.verify = demo_plan();
  config.services.push_back(std::move(shop));
  config.admin.socket = folder / "admin.sock";
  config.admin.bind = loopback(free_port(options.admin_port));
  config.state_dir = folder / "state";
  config.run_dir = folder / "run";
  config.log.access = config::AccessFormat::off;
  config.log.level = config::LogLevel::error;
  return config;
}

// How to call this program from another terminal, whatever folder that is in.
std::string own_name() {
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (error) return "switchback";
  const char* path = std::getenv("PATH");
  const std::string folders = path ? path : "";
  for (std::size_t begin = 0; begin <= folders.size();) {
    const auto end = std::min(folders.find(':', begin), folders.size());
    const auto found = fs::path(folders.substr(begin, end - begin)) / "switchback";
    if (end > begin && fs::equivalent(found, self, error) && !error) return "switchback";
    begin = end + 1;
  }
  return self.string();
}

// The demo as it runs: apps and traffic on a thread of their own, so that they are clients and
// servers of the proxy like any other; the control plane on this one.
class Demo {
 public:
  Demo(const DemoOptions& options, const Globals& globals)
      : options_(options),
        style_(style_for(globals)),
        blue_(apps_io_, {.color = "blue", .release = "v1.2"}),
        green_(apps_io_, {.color = "green", .release = "v1.3"}),
        timer_(io_),
        signals_(io_, SIGINT, SIGTERM) {
    in_place_ = ::isatty(STDOUT_FILENO) && !options.plain;
  }

  ~Demo() { end_apps(); }

  int run() {
    for (auto* app : {&blue_, &green_}) {
      if (const auto error = app->start(); !error.empty()) return complain(error);
    }
    apps_thread_ = std::thread([this] { apps_io_.run(); });
    server_.emplace(io_, demo_config(options_, folder_, blue_, green_));
    if (const auto error = server_->start(); !error.empty()) return complain(error);
    begin_traffic();
    describe();
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) end();
    });
    begun_ = std::chrono::steady_clock::now();
    next_second_ = begun_ + std::chrono::seconds(1);
    tick();
    io_.run();
    return exit_done;
  }

 private:
  int complain(const std::string& error) {
    std::fprintf(stderr, "switchback: %s\n", error.c_str());
    return exit_usage;
  }

  void begin_traffic() {
    demo::TrafficOptions traffic;
    traffic.port = port_of(server_->listener_addresses().front());
    traffic_.emplace(apps_io_, traffic);
    asio::post(apps_io_, [this] { traffic_->start(); });
  }

  void describe() {
    const auto name = own_name();
    const auto admin = " --admin " + server_->config().admin.socket;
    view_.proxy = server_->listener_addresses().front();
    view_.admin = server_->admin_addresses();
    view_.commands = {name + " flip shop" + admin, name + " rollback shop" + admin,
                      name + " status shop" + admin};
    if (in_place_) return;
    for (const auto& line : render_demo_opening(view_, {})) std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  // Once a second; on a terminal the block is also redrawn when a flip was seen in between.
  void tick() {
    timer_.expires_at(next_second_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error || ending_) return;
      next_second_ += std::chrono::seconds(1);
      asio::post(apps_io_,
                 [this] { asio::post(io_, [this, sample = traffic_->take()] { show(sample); }); });
      const std::chrono::duration<double> age = std::chrono::steady_clock::now() - begun_;
      if (options_.duration_s > 0 && age.count() >= options_.duration_s) return end();
      tick();
    });
  }

  void show(const demo::TrafficSample& sample) {
    if (ending_) return;
    view_.traffic = sample;
    view_.trail.push_back(second_of(sample));
    if (view_.trail.size() > trail_seconds) view_.trail.pop_front();
    const auto last = server_->controller().last_flip("shop");
    view_.last_flip = last ? events::receipt_object(*last) : boost::json::object();
    view_.now_ms = now_wall_ms();
    if (in_place_) {
      redraw();
    } else {
      std::fputs(render_demo_line(view_).c_str(), stdout);
    }
    std::fflush(stdout);
  }

  void redraw() {
    const auto lines = render_demo_block(view_, style_);
    winsize window{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
    if (drawn_rows_ > 0) std::printf("\x1b[%zuF\x1b[0J", drawn_rows_);
    for (const auto& line : lines) std::printf("%s\n", line.c_str());
    drawn_rows_ = rows_of(lines, window.ws_col);
  }

  // Clients go first, so that what the proxy has left to drain is nothing.
  void end() {
    if (ending_) return;
    ending_ = true;
    signals_.cancel();
    timer_.cancel();
    asio::post(apps_io_, [this] {
      traffic_->stop();
      asio::post(io_,
                 [this] { server_->shut_down(std::chrono::seconds(2), [this] { io_.stop(); }); });
    });
  }

  void end_apps() {
    if (!apps_thread_.joinable()) return;
    apps_io_.stop();
    apps_thread_.join();
  }

  DemoOptions options_;
  Style style_;
  bool in_place_ = false;
  bool ending_ = false;
  std::size_t drawn_rows_ = 0;
  DemoView view_;
  std::chrono::steady_clock::time_point begun_, next_second_;

  DemoFolder folder_;  // removed last
  asio::io_context apps_io_{1};
  asio::io_context io_{1};
  demo::DemoApp blue_, green_;
  std::optional<demo::Traffic> traffic_;
  std::thread apps_thread_;
  asio::steady_timer timer_;
  asio::signal_set signals_;
  std::optional<ServerProcess> server_;
};

}  // namespace

void add_demo_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<DemoOptions>();
  auto* command =
      app.add_subcommand("demo", "Try it all on this machine: proxy, two apps, traffic");
  command->footer(
      "Example:\n  switchback demo\n\n"
      "Then, in another terminal, the commands that it shows. Ctrl-C ends it and leaves nothing "
      "behind.");
  command->add_option("--port", options->port, "Of the proxy; another is taken where it is in use")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--admin-port", options->admin_port, "Of the admin plane; likewise")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command
      ->add_option("--duration", options->duration_s, "End by itself after so long (20, 20s, 2m)")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, double>{{"s", 1}, {"m", 60}}))
      ->type_name("TIME");
  command->add_flag("--plain", options->plain, "One line per second, also on a terminal");
  command->callback([options, &action] {
    action = [options](const Globals& globals) {
      log::start_program_log(config::LogLevel::error);
      raise_descriptor_limit();
      Demo demo(*options, globals);
      return demo.run();
    };
  });
}

}  // namespace switchback::cli
