#include "admin/demo/demo_app.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <optional>

#include "admin/http/server.hpp"

namespace switchback::demo {

namespace asio = boost::asio;

namespace {

// A number in the query, held within [0, most]; `otherwise` where there is none.
unsigned query_number(const web::Request& request, std::string_view name, unsigned otherwise,
                      unsigned most) {
  const auto text = request.query_value(name);
  if (!text) return otherwise;
  unsigned value = otherwise;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() && end == text->data() + text->size() ? std::min(value, most)
                                                                    : otherwise;
}

asio::awaitable<void> pause_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

web::Response text_response(unsigned status, std::string type, std::string body) {
  web::Response response;
  response.status = status;
  response.content_type = std::move(type);
  response.body = std::move(body);
  response.fields.emplace_back("Cache-Control", "no-store");
  return response;
}

// Capacity for a demo's traffic; the rest of the admin server's limits fit a demo as they are.
web::ServerOptions server_options() {
  web::ServerOptions options;
  options.connection_limit = 4096;
  return options;
}

}  // namespace

struct DemoApp::Impl {
  Impl(asio::io_context& io, DemoAppOptions given)
      : options(std::move(given)),
        version("{\"color\":\"" + options.color + "\",\"version\":\"" + options.release + "\"}\n"),
        server(
            io, [this](std::shared_ptr<const web::Request> request) { return answer(request); },
            server_options()) {}

  asio::awaitable<web::Reply> answer(std::shared_ptr<const web::Request> request) {
    ++requests;
    if (request->path == "/events") {
      co_return events(query_number(*request, "seconds", 0, 3600));
    }
    if (request->path == "/slow") {
      co_await pause_for(std::chrono::milliseconds(query_number(*request, "ms", 2000, 60'000)));
      co_return marked(text_response(200, "application/json", version));
    }
    if (request->path == "/version")
      co_return marked(text_response(200, "application/json", version));
    if (request->path == "/healthz") co_return marked(text_response(200, "text/plain", "ok\n"));
    if (request->path == "/") {
      co_return marked(text_response(200, "text/html; charset=utf-8",
                                     demo_page(options.color, options.release)));
    }
    co_return marked(text_response(404, "text/plain", "not here; try / or /version\n"));
  }

  web::Response marked(web::Response response) const {
    response.fields.emplace_back("X-Demo-Color", options.color);
    response.fields.emplace_back("X-Demo-Version", options.release);
    return response;
  }

  web::Reply events(unsigned seconds) {
    web::StreamReply reply;
    reply.head = marked(text_response(200, "text/event-stream", ""));
    reply.run = [data = version, seconds](web::StreamWriter& writer) -> asio::awaitable<void> {
      constexpr unsigned per_second = 5;
      if (!co_await writer.write("retry: 200\n\n")) co_return;
      for (unsigned n = 0; seconds == 0 || n < seconds * per_second; ++n) {
        if (!co_await writer.write("id: " + std::to_string(n) + "\ndata: " + data + "\n"))
          co_return;
        co_await pause_for(std::chrono::milliseconds(1000 / per_second));
      }
    };
    return reply;
  }

  DemoAppOptions options;
  std::string version;
  std::uint64_t requests = 0;
  web::Server server;
};

DemoApp::DemoApp(asio::io_context& io, DemoAppOptions options)
    : impl_(std::make_unique<Impl>(io, std::move(options))) {}

DemoApp::~DemoApp() {
  stop();
}

std::string DemoApp::start() {
  return impl_->server.listen_tcp(impl_->options.host, impl_->options.port);
}

void DemoApp::stop() {
  impl_->server.stop();
}

std::string DemoApp::address() const {
  const auto addresses = impl_->server.addresses();
  constexpr std::string_view scheme = "http://";
  if (addresses.empty()) return "";
  return addresses.front().starts_with(scheme) ? addresses.front().substr(scheme.size())
                                               : addresses.front();
}

std::uint64_t DemoApp::requests() const {
  return impl_->requests;
}

}  // namespace switchback::demo
