// A whole switchback in one object: state, ledger, data plane, controller and admin server, made in
// the right order and ended in the reverse one. `serve` and `demo` are both thin around it.
//
// Threads: every method on the thread that runs the io_context (the control thread); the data
// plane brings its own. Lifetime: the io_context outlives this and is not run after it.
// Errors: start() and adopt() return "" or one clear line; nothing throws.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/people/people.hpp"
#include "admin/release/controller.hpp"
#include "admin/state/state_store.hpp"
#include "config/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::cli {

// For tests that end the process in the middle of a switch, or let its disk stall; the program
// itself never sets them. Before the first ServerProcess.
struct ProcessHooks {
  std::function<void(std::string_view point)> on_point;  // release::ControllerOptions::on_point
  state::StateHooks state;
};
void set_process_hooks(ProcessHooks hooks);

class ServerProcess {
 public:
  ServerProcess(boost::asio::io_context& io, config::Config config);
  ~ServerProcess();  // ends at once what still runs
  ServerProcess(const ServerProcess&) = delete;

  std::string start();

  std::vector<std::string> listener_addresses() const;  // "http://127.0.0.1:8080"
  std::vector<std::string> health_addresses() const;    // of probes alone
  std::vector<std::string> admin_addresses() const;     // "unix:/run/…", "http://127.0.0.1:9900"
  const config::Config& config() const;                 // the one in force
  worker::DataPlane& plane();
  release::Controller& controller();
  people::People& people();

  // Adopts what can change at run time; the caller has checked the difference and keeps from
  // `fresh` what cannot (listeners, folders, admin addresses, workers). `changes`: what changed, in
  // words, for the event stream; what was found new in files of certificates is put behind it.
  std::string adopt(config::Config fresh, std::string& changes);
  void reopen_logs();
  // Before an end at once: what the logs and the ledger hold is written, as far as a second or so
  // allows.
  void write_out();

  // Stops accepting, lets what runs end (at most `limit`), writes what is queued; `done` on the
  // control thread. The admin plane answers until then.
  void shut_down(config::Duration limit, std::function<void()> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::cli
