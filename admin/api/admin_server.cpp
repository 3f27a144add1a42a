#include "admin/api/admin_server.hpp"

#include <spdlog/spdlog.h>

#include "admin/api/api.hpp"
#include "admin/api/client_rule.hpp"
#include "admin/http/tls.hpp"

namespace switchback::api {

struct AdminServer::Impl {
  Impl(boost::asio::io_context& io, const config::Admin& admin, release::Controller& controller,
       events::Events& events, worker::DataPlane& plane, web::ServerOptions options,
       people::People* given)
      : config(admin),
        own_people(given == nullptr ? std::make_unique<people::People>(admin) : nullptr),
        people(given == nullptr ? *own_people : *given),
        api(std::make_shared<Api>(io, people, controller, events, plane)),
        server(io, handler_of(api), options),
        health(io, probe_of(api), options) {}

  // The server may outlive its owner by a few connections; they must not keep the API alive.
  static web::Handler handler_of(const std::shared_ptr<Api>& api) {
    return [weak = std::weak_ptr<Api>(api)](std::shared_ptr<const web::Request> request) {
      return answer(weak.lock(), std::move(request));
    };
  }
  static web::Handler probe_of(const std::shared_ptr<Api>& api) {
    return [weak = std::weak_ptr<Api>(api)](std::shared_ptr<const web::Request> request) {
      return answer_probe(weak.lock(), std::move(request));
    };
  }
  static boost::asio::awaitable<web::Reply> answer_probe(
      std::shared_ptr<Api> api, std::shared_ptr<const web::Request> request) {
    co_return api ? api->probe(*request) : gone();
  }
  static web::Response gone() {
    web::Response response;
    response.status = 503;
    response.close = true;
    return response;
  }
  static boost::asio::awaitable<web::Reply> answer(std::shared_ptr<Api> api,
                                                   std::shared_ptr<const web::Request> request) {
    if (!api) co_return gone();
    web::Reply reply = co_await Api::handle(std::move(api), std::move(request));
    co_return reply;
  }

  // The files of admin.tls and admin.client_ca; "" or what is wrong with one.
  std::string read_tls(const config::Admin& admin) {
    if (!admin.tls) {
      server.set_tls(nullptr);
      return "";
    }
    auto made =
        web::make_server_tls(admin.tls->cert, admin.tls->key, admin.client_ca, server.tls());
    for (const auto& warning : made.warnings) spdlog::warn("admin.{}", warning);
    if (!made.tls) return "admin." + made.fault;
    server.set_tls(std::move(made.tls));
    return "";
  }
  void say_warnings() const {
    for (const auto& warning : people.access().warnings()) spdlog::warn("{}", warning);
  }

  config::Admin config;
  std::unique_ptr<people::People> own_people;
  people::People& people;
  std::shared_ptr<Api> api;
  web::Server server;
  web::Server health;  // admin.health_bind: plain HTTP, nothing but probes
  bool stopped = false;
};

AdminServer::AdminServer(boost::asio::io_context& io, const config::Admin& admin,
                         release::Controller& controller, events::Events& events,
                         worker::DataPlane& plane, web::ServerOptions options,
                         people::People* people)
    : impl_(std::make_shared<Impl>(io, admin, controller, events, plane, options, people)) {}

AdminServer::~AdminServer() {
  stop();
}

std::string AdminServer::start() {
  const auto& admin = impl_->config;
  if (auto fault = impl_->read_tls(admin); !fault.empty()) return fault;
  impl_->say_warnings();
  if (!admin.socket.empty()) {
    if (auto fault = impl_->server.listen_unix(admin.socket); !fault.empty())
      return "admin.socket " + fault;
  }
  if (admin.bind) {
    auto fault = admin.bind->kind == config::AddressKind::tcp
                     ? impl_->server.listen_tcp(admin.bind->host, admin.bind->port)
                     : admin.bind->text + ": has to be HOST:PORT; the unix socket is admin.socket";
    if (!fault.empty()) {
      impl_->server.stop();
      return "admin.bind " + fault;
    }
  }
  if (admin.health_bind) {
    const auto fault = impl_->health.listen_tcp(admin.health_bind->host, admin.health_bind->port);
    if (!fault.empty()) {
      impl_->server.stop();
      return "admin.health_bind " + fault;
    }
  }
  impl_->server.set_client_rule(client_rule(admin.forwarded));
  impl_->api->show_metrics(admin.metrics);
  impl_->api->show_server([impl = impl_.get()] { return impl->server.counters(); });
  impl_->api->start();
  return "";
}

void AdminServer::stop() {
  if (impl_->stopped) return;
  impl_->stopped = true;
  impl_->api->stop();
  impl_->api->show_server({});
  impl_->server.stop();
  impl_->health.stop();
}

std::vector<std::string> AdminServer::addresses() const {
  return impl_->server.addresses();
}

std::vector<std::string> AdminServer::health_addresses() const {
  return impl_->health.addresses();
}

void AdminServer::leave() {
  impl_->api->leave();
}

std::string AdminServer::bound_address() const {
  const auto all = addresses();
  return all.empty() ? "" : all.back();
}

void AdminServer::set_rooms(const Rooms& rooms) {
  impl_->api->set_rooms(rooms);
}

std::string AdminServer::may_roll_back(const std::string& service) const {
  return impl_->stopped ? "the admin plane has ended" : impl_->api->may_roll_back(service);
}

std::string AdminServer::check(const config::Admin& admin) const {
  if (!admin.tls) return "";
  const auto made =
      web::make_server_tls(admin.tls->cert, admin.tls->key, admin.client_ca, impl_->server.tls());
  return made.tls ? "" : "admin." + made.fault;
}

std::string AdminServer::adopt(const config::Admin& admin) {
  if (auto fault = impl_->read_tls(admin); !fault.empty()) return fault;
  impl_->people.adopt(admin);
  impl_->api->show_metrics(admin.metrics);
  impl_->server.set_client_rule(client_rule(admin.forwarded));
  impl_->say_warnings();
  return "";
}

}  // namespace switchback::api
