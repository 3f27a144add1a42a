#include "admin/demo/demo_app.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <thread>

#include "admin/http/client.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;

namespace {

// A DemoApp on a thread of its own, since the client blocks.
struct RunningApp {
  explicit RunningApp(demo::DemoAppOptions options) : app(io, std::move(options)) {
    REQUIRE(app.start() == "");
    address = app.address();
    thread = std::thread([this] { io.run(); });
  }
  ~RunningApp() {
    boost::asio::post(io, [this] { app.stop(); });
    io.stop();
    thread.join();
  }

  web::ClientAnswer get(const std::string& target) {
    std::string error;
    web::Client client(*web::parse_client_target(address, error));
    web::ClientRequest request;
    request.target = target;
    return client.call(request, std::chrono::seconds(10));
  }

  boost::asio::io_context io;
  demo::DemoApp app;
  std::string address;
  std::thread thread;
};

}  // namespace

TEST_CASE("the demo app says its color and release in every answer") {
  RunningApp running({.color = "green", .release = "v1.3"});

  SECTION("/version is JSON") {
    const auto answer = running.get("/version");
    REQUIRE(answer.failure == web::Failure::none);
    CHECK(answer.status == 200);
    const auto body = boost::json::parse(answer.body).as_object();
    CHECK(body.at("color").as_string() == "green");
    CHECK(body.at("version").as_string() == "v1.3");
    CHECK(answer.field("X-Demo-Color") == "green");
    CHECK(answer.field("X-Demo-Version") == "v1.3");
  }
  SECTION("/healthz is plain") {
    const auto answer = running.get("/healthz");
    CHECK(answer.status == 200);
    CHECK(answer.body == "ok\n");
  }
  SECTION("/slow answers in the end") {
    const auto answer = running.get("/slow?ms=1");
    CHECK(answer.status == 200);
    CHECK_THAT(answer.body, ContainsSubstring("green"));
  }
  SECTION("the page is in the color") {
    const auto answer = running.get("/");
    CHECK(answer.status == 200);
    CHECK(answer.field("Content-Type") == "text/html; charset=utf-8");
    CHECK_THAT(answer.body, ContainsSubstring("<body class=\"green\">"));
  }
  SECTION("anything else is not there") {
    CHECK(running.get("/nowhere").status == 404);
  }
}

TEST_CASE("the demo app's event stream ends when it was asked to") {
  RunningApp running({.color = "blue", .release = "v1.2"});
  std::string error;
  web::Client client(*web::parse_client_target(running.address, error));
  web::ClientRequest request;
  request.target = "/events?seconds=1";
  unsigned events = 0;
  const auto answer = client.events(request, std::chrono::seconds(10), std::chrono::seconds(10),
                                    [&](const web::ServerSentEvent& event) {
                                      CHECK_THAT(event.data, ContainsSubstring("v1.2"));
                                      ++events;
                                      return true;
                                    });
  CHECK(answer.status == 200);
  CHECK(events == 5);
}

TEST_CASE("the page shows what it was made for and reaches for nothing else") {
  const auto page = demo::demo_page("blue", "v9.9");
  CHECK_THAT(page, ContainsSubstring("<b id=\"release\">v9.9</b>"));
  CHECK(page.find('%') == std::string::npos);
  CHECK(page.find("http://") == std::string::npos);
  CHECK(page.find("https://") == std::string::npos);
}
