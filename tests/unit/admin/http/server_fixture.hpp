// A web::Server on a thread of its own, with a handler that the test chooses.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "admin/http/server.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::test {

struct ServerFixture {
  explicit ServerFixture(web::ServerOptions options = {}, web::Handler handler = echo())
      : server(io, std::move(handler), options), guard(io.get_executor()) {
    socket = dir / "admin.sock";
    fault = server.listen_unix(socket);
    if (fault.empty()) fault = server.listen_tcp("127.0.0.1", 0);
    thread = std::thread([this] { io.run(); });
  }
  // Runs on the server's thread and waits.
  template <class Work>
  auto on_io(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    boost::asio::post(io, [&task] { task(); });
    return result.get();
  }
  ~ServerFixture() {
    on_io([this] { server.stop(); });
    guard.reset();
    io.stop();
    thread.join();
  }

  web::ServerCounters counters() {
    return on_io([this] { return server.counters(); });
  }
  std::string tcp() const { return server.addresses().at(1); }

  // Answers with what came: method, path, query, body.
  static web::Handler echo() {
    return
        [](std::shared_ptr<const web::Request> request) { return echo_answer(std::move(request)); };
  }
  static boost::asio::awaitable<web::Reply> echo_answer(
      std::shared_ptr<const web::Request> request) {
    web::Response response;
    response.content_type = "text/plain";
    response.body = request->method + " " + request->path + "|";
    for (const auto& [key, value] : request->query) response.body += key + "=" + value + ";";
    response.body += "|" + request->body;
    co_return response;
  }

  TempDir dir;
  boost::asio::io_context io{1};
  web::Server server;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
  std::string socket, fault;
  std::thread thread;
};

}  // namespace switchback::test
