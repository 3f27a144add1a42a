// An AdminServer over fakes, on a thread of its own, with a unix socket and a TCP address.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <future>
#include <thread>

#include "admin/api/admin_server.hpp"
#include "admin/http/client.hpp"
#include "admin/people/token.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/admin/api/fakes.hpp"

namespace switchback::test {

class ApiFixture {
 public:
  explicit ApiFixture(config::Admin admin = {}, people::People* people = nullptr,
                      std::size_t events_kept = 1024)
      : events(events_kept, 1), guard_(io.get_executor()) {
    admin.socket = socket = dir / "admin.sock";
    config::Address bind;
    bind.text = "127.0.0.1:0";
    bind.host = "127.0.0.1";
    admin.bind = bind;
    server = std::make_unique<api::AdminServer>(io, admin, controller, events, plane,
                                                web::ServerOptions{}, people);
    fault = server->start();
    if (fault.empty()) tcp = server->bound_address();
    thread_ = std::thread([this] { io.run(); });
  }
  template <class Work>
  auto on_io(Work work) -> decltype(work()) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    boost::asio::post(io, [&task] { task(); });
    return result.get();
  }
  ~ApiFixture() {
    on_io([this] { server.reset(); });
    guard_.reset();
    io.stop();
    thread_.join();
  }

  // What the server's thread did so far may be looked at after this (a socket orders nothing for
  // the thread sanitizer).
  void settle() {
    on_io([] {});
  }

  static web::ClientTarget target(const std::string& address) {
    std::string error;
    return *web::parse_client_target(address, error);
  }
  web::ClientAnswer call(web::ClientRequest request, bool over_tcp = false) {
    web::Client client(target(over_tcp ? tcp : socket));
    auto answer = client.call(request, std::chrono::seconds(20));
    REQUIRE(answer.error == "");
    settle();
    return answer;
  }
  web::ClientAnswer get(const std::string& path, bool over_tcp = false) {
    return call({.target = path}, over_tcp);
  }
  web::ClientAnswer post(const std::string& path, const std::string& body,
                         web::Fields fields = {}) {
    return call({.method = "POST", .target = path, .fields = std::move(fields), .body = body});
  }

  TempDir dir;
  boost::asio::io_context io{1};
  events::Events events;
  FakeController controller;
  FakePlane plane;
  std::unique_ptr<api::AdminServer> server;
  std::string socket, tcp, fault;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

inline boost::json::object body_of(const web::ClientAnswer& answer) {
  boost::system::error_code error;
  auto value = boost::json::parse(answer.body, error);
  INFO(answer.body);
  REQUIRE_FALSE(error);
  return value.as_object();
}

// Of the members of an RFC 9457 answer: all there, of the right kind; returns `code`.
inline std::string problem_code(const web::ClientAnswer& answer) {
  CHECK(answer.field("Content-Type") == "application/problem+json");
  const auto body = body_of(answer);
  const std::string code(body.at("code").as_string());
  std::string type = "urn:switchback:" + code;
  for (char& c : type) c = c == '_' ? '-' : c;
  CHECK(body.at("type").as_string() == type);
  CHECK(body.at("status").to_number<unsigned>() == answer.status);
  CHECK_FALSE(body.at("title").as_string().empty());
  CHECK(body.at("detail").is_string());
  CHECK(body.at("instance").as_string().starts_with("/"));
  CHECK(body.at("moved").is_bool());
  CHECK(body.at("next").is_string());
  CHECK(body.at("exit_code").to_number<int>() > 0);
  return code;
}

}  // namespace switchback::test
