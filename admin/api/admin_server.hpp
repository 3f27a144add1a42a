// The admin plane's outside: the /v1 API, /metrics, /healthz, /readyz and the status page, over the
// unix socket and TCP (docs/admin-api.md).
//
// Threads: the control thread (the io_context's) only; start() before it runs is fine.
// Lifetime: controller, events, plane and people outlive stop(); without `people` the server knows
// those of the configuration only and remembers nothing. After stop() neither is touched again,
// also by requests that were waiting for a flip. Errors: start() returns "" or one clear line that
// names the configuration key.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "admin/api/rooms.hpp"
#include "admin/events/events.hpp"
#include "admin/http/server.hpp"
#include "admin/people/people.hpp"
#include "admin/release/controller.hpp"
#include "admin/verify/verifier.hpp"
#include "config/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::api {

class AdminServer {
 public:
  AdminServer(boost::asio::io_context& io, const config::Admin& admin,
              release::Controller& controller, events::Events& events, worker::DataPlane& plane,
              web::ServerOptions options = {}, people::People* people = nullptr);
  ~AdminServer();  // stops
  AdminServer(const AdminServer&) = delete;

  std::string start();
  void stop();

  // The TCP address if there is one ("http://127.0.0.1:9900"), else "unix:/run/…"; empty before
  // start().
  std::string bound_address() const;
  std::vector<std::string> addresses() const;
  std::vector<std::string> health_addresses() const;  // admin.health_bind

  // The process will end: /readyz says so, and all else goes on.
  void leave();

  // What else there is to show; before start().
  void set_rooms(const Rooms& rooms);
  // For null flips: "" or why the user that runs switchback could not roll this service back.
  std::string may_roll_back(const std::string& service) const;

  // Adopts new access rules, tokens, certificates and their files (SIGHUP). Addresses stay as they
  // are. "" or what is wrong with a file: then nothing has changed.
  std::string adopt(const config::Admin& admin);
  // The same look at the files, without adopting anything.
  std::string check(const config::Admin& admin) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace switchback::api
