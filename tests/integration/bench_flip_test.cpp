// switchback bench flip as a user runs it: against its own demo, a running proxy, and one that
// lies.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <thread>

#include "admin/http/server.hpp"
#include "tests/integration/instance.hpp"

using namespace switchback;
using namespace switchback::test;
namespace json = boost::json;

namespace {

std::uint64_t number(const json::object& object, const char* name) {
  return object.at(name).to_number<std::uint64_t>();
}

std::string reason_of_last_flip(const Instance& instance) {
  const auto view = json_of(instance.cli({"status", "shop", "--json"}).out);
  return std::string(view.at("last_flip").at("reason").as_string());
}

// An admin plane that answers every flip as done, and does nothing.
class Liar {
 public:
  explicit Liar(const std::string& socket)
      : server_(io_, [this](std::shared_ptr<const web::Request> request) {
          return answer(std::move(request));
        }) {
    REQUIRE(server_.listen_unix(socket) == "");
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Liar() {
    boost::asio::post(io_, [this] {
      server_.stop();
      io_.stop();
    });
    thread_.join();
  }

 private:
  boost::asio::awaitable<web::Reply> answer(std::shared_ptr<const web::Request> request) {
    web::Response response;
    response.content_type = "application/json";
    if (request->path == "/v1/services/shop") {
      response.body = R"({"service":"shop","active":"blue","epoch":1,"releases":{}})";
    } else if (request->path == "/v1/services/shop/flips") {
      ++epoch_;
      const auto to = json::parse(request->body).at("to").as_string();
      response.body = json::serialize(json::object{{"flip", "F" + std::to_string(epoch_)},
                                                   {"service", "shop"},
                                                   {"to", to},
                                                   {"epoch", epoch_},
                                                   {"state", "switched"},
                                                   {"moved", true}});
    } else {
      response.body = R"({"stages_ms":{"switched":0.1,"drained":0.2}})";
    }
    co_return response;
  }

  boost::asio::io_context io_{1};
  std::uint64_t epoch_ = 1;
  web::Server server_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a demo of its own is flipped under load with nothing failed and nothing stale") {
  const TempDir folder;
  const auto plot = folder.file("flips.svg");
  std::filesystem::create_directory(folder.file("tmp"));
  const auto done = command({"bench", "flip", "--flips", "20", "--json", "--svg", plot, "--rate",
                             "500", "--connections", "16"},
                            {"TMPDIR=" + folder.file("tmp")});
  INFO(done.out << done.err);
  CHECK(done.code == 0);
  const auto found = json_of(done.out);
  CHECK(found.at("verdict").as_string() == "clean");
  CHECK(number(found, "flips") == 20);
  CHECK(number(found, "failed") == 0);
  CHECK(number(found, "stale") == 0);
  CHECK(number(found, "unjudged") == 0);
  CHECK(found.at("active").as_string() == "blue");
  const auto& lanes = found.at("lanes").as_array();
  CHECK(lanes.size() == 6);  // kept-alive, new connections, WebSockets; plain and TLS
  for (const auto& lane : lanes) CHECK(number(lane.as_object(), "answered") > 0);
  const auto& ms = found.at("ms_from_command").as_object();
  for (const char* stage : {"answer", "first_new", "drained", "receipt_persisted",
                            "receipt_switched", "receipt_verified"}) {
    CHECK(number(ms.at(stage).as_object(), "count") == 20);
  }
  CHECK(std::filesystem::file_size(plot) > 1000);
  CHECK(std::filesystem::is_empty(folder.file("tmp")));
}

TEST_CASE("a running proxy is measured from outside, and is left as it was found") {
  TestServer one("one"), two("two");
  Instance instance({{one.address()}, {two.address()}});
  instance.wait_until_checked();
  SECTION("the colors are learned by the preview header; the rest is left alone without --yes") {
    const std::vector<std::string> words = {
        "bench",          "flip",        "--target", instance.address + "/ok",
        "--color-header", "X-Served-By", "--flips",  "3",
        "--pause",        "10",          "--json"};
    const auto refused = instance.cli(words);
    CHECK(refused.code == 2);
    CHECK_THAT(refused.out, ContainsSubstring("--yes"));
    CHECK(instance.who_answers() == "one");
    auto agreed = words;
    agreed.push_back("--yes");
    const auto done = instance.cli(agreed);
    INFO(done.out << done.err);
    CHECK(done.code == 0);
    const auto found = json_of(done.out);
    CHECK(number(found, "flips") == 3);
    CHECK(number(found, "stale") == 0);
    CHECK(found.at("restored").as_bool());
    CHECK(instance.who_answers() == "one");
    CHECK_THAT(reason_of_last_flip(instance), ContainsSubstring("back to where it began"));
  }
  SECTION("rollbacks are measured, the flips between are not") {
    const auto done = instance.cli({"bench", "flip", "shop", "--kind", "rollback", "--target",
                                    instance.address + "/ok", "--color-header", "X-Served-By",
                                    "--flips", "2", "--pause", "10", "--yes", "--json"});
    INFO(done.out << done.err);
    CHECK(done.code == 0);
    CHECK(number(json_of(done.out), "flips") == 2);
    CHECK(instance.who_answers() == "one");
  }
  SECTION("an answer that does not tell its color is refused before anything moves") {
    const auto done =
        instance.cli({"bench", "flip", "--target", instance.address + "/ok", "--yes"});
    CHECK(done.code == 2);
    CHECK_THAT(done.err, ContainsSubstring("does not tell its color"));
    CHECK_THAT(done.err, ContainsSubstring("--color-header"));
  }
  SECTION("ended early it goes back first, and shows what it has") {
    Process bench({switchback_program(), "bench", "flip", "--target", instance.address + "/ok",
                   "--color-header", "X-Served-By", "--flips", "1000", "--pause", "200", "--yes",
                   "--admin", instance.socket()});
    REQUIRE(until([&] { return instance.who_answers() == "two"; }));
    bench.signal(SIGINT);
    CHECK(bench.wait() == 130);
    CHECK_THAT(bench.out(), ContainsSubstring("Ended early, on request."));
    CHECK_THAT(bench.out(), ContainsSubstring("0 failed, 0 stale."));
    CHECK(instance.who_answers() == "one");
  }
}

TEST_CASE("a proxy that says it has switched and has not is found out") {
  const TempDir folder;
  TestServer server("blue");
  const Liar liar(folder.file("admin.sock"));
  const auto done =
      command({"bench", "flip", "shop", "--target", "http://" + server.address() + "/ok",
               "--color-header", "X-Served-By", "--flips", "2", "--pause", "50", "--yes",
               "--keep-going", "--json", "--admin", folder.file("admin.sock")});
  INFO(done.out << done.err);
  CHECK(done.code == 30);
  const auto found = json_of(done.out);
  CHECK(number(found, "stale") > 0);
  CHECK(number(found, "failed") == 0);
  CHECK(found.at("verdict").as_string() == "failed");
  REQUIRE_FALSE(found.at("complaints").as_array().empty());
  CHECK_THAT(std::string(found.at("complaints").at(0).as_string()),
             ContainsSubstring("stale: flip 1 to green"));
}

TEST_CASE("a target that fails already is not flipped") {
  TestServer one("one"), two("two");
  Instance instance({{one.address()}, {two.address()}});
  instance.wait_until_checked();
  const auto done = instance.cli({"bench", "flip", "--target", instance.address + "/drop",
                                  "--color-header", "X-Served-By", "--flips", "2", "--yes"});
  CHECK(done.code == 2);
  CHECK_THAT(done.err, ContainsSubstring("502"));
  CHECK(instance.cli({"history", "shop", "--json"}).out.find("bench flip") == std::string::npos);
}
