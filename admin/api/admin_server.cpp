#include "admin/api/admin_server.hpp"

#include "admin/api/api.hpp"

namespace switchback::api {

struct AdminServer::Impl {
  Impl(boost::asio::io_context& io, const config::Admin& admin, release::Controller& controller,
       worker::DataPlane& plane, web::ServerOptions options)
      : config(admin),
        api(std::make_shared<Api>(io, admin, controller, plane)),
        server(io, handler_of(api), options) {}

  // The server may outlive its owner by a few connections; they must not keep the API alive.
  static web::Handler handler_of(const std::shared_ptr<Api>& api) {
    return [weak = std::weak_ptr<Api>(api)](std::shared_ptr<const web::Request> request) {
      return answer(weak.lock(), std::move(request));
    };
  }
  static boost::asio::awaitable<web::Reply> answer(std::shared_ptr<Api> api,
                                                   std::shared_ptr<const web::Request> request) {
    if (!api) {
      web::Response gone;
      gone.status = 503;
      gone.close = true;
      co_return gone;
    }
    web::Reply reply = co_await Api::handle(std::move(api), std::move(request));
    co_return reply;
  }

  config::Admin config;
  std::shared_ptr<Api> api;
  web::Server server;
  bool stopped = false;
};

AdminServer::AdminServer(boost::asio::io_context& io, const config::Admin& admin,
                         release::Controller& controller, worker::DataPlane& plane,
                         web::ServerOptions options)
    : impl_(std::make_shared<Impl>(io, admin, controller, plane, options)) {}

AdminServer::~AdminServer() {
  stop();
}

std::string AdminServer::start() {
  const auto& admin = impl_->config;
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
}

std::vector<std::string> AdminServer::addresses() const {
  return impl_->server.addresses();
}

std::string AdminServer::bound_address() const {
  const auto all = addresses();
  return all.empty() ? "" : all.back();
}

void AdminServer::show_verifier(verify::Verifier* verifier) {
  impl_->api->show_verifier(verifier);
}

void AdminServer::set_access(const config::Admin& admin) {
  impl_->api->set_access(admin);
}

}  // namespace switchback::api
