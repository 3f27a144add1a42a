// Others are told, from outside: the real binary, a receiver, curl and the command line.
#include <mutex>

#include "tests/integration/instance.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback::test;

namespace {

struct Receiver {
  Receiver()
      : server({.serve = [this](WireConnection& to) {
          WireRequest request;
          while (to.read_request(request)) {
            const std::lock_guard lock(mutex);
            got.push_back(request);
            to.answer("ok");
          }
        }}) {}
  // The first message of that kind.
  boost::json::object wait_for(const std::string& kind) {
    boost::json::object found;
    CHECK(until([&] {
      const std::lock_guard lock(mutex);
      for (const auto& request : got) {
        auto body = json_of(request.body);
        if (body.contains("kind") && body.at("kind") == boost::json::string_view(kind))
          return found = std::move(body), true;
      }
      return false;
    }));
    return found;
  }
  bool heard(const std::string& words) {
    return until([&] {
      const std::lock_guard lock(mutex);
      for (const auto& request : got)
        if (request.body.find(words) != std::string::npos) return true;
      return false;
    });
  }
  std::mutex mutex;
  std::vector<WireRequest> got;
  WireServer server;
};

TEST_CASE("a rollback is told to chat and program; one that hangs holds nothing up") {
  TestServer blue("blue"), green("green"), stuck("stuck");
  Receiver chat, program;
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  options.more = "notify:\n  - { name: chat, webhook: \"http://" + chat.server.address() +
                 "/T0\", format: slack }\n  - { name: program, webhook: \"http://" +
                 program.server.address() + "/in\" }\n  - { name: hangs, webhook: \"http://" +
                 stuck.address() + "/hang\", timeout: 60s }\n";
  Instance instance(options);
  instance.wait_until_checked();
  REQUIRE(instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  REQUIRE(stuck.wait_for_requests(1));
  const auto back = instance.cli({"rollback", "shop", "--reason", "a <bad> day"});
  CHECK(went_back(back));
  CHECK(instance.who_answers() == "blue");
  const auto told = program.wait_for("rollback");
  CHECK(told.at("service") == "shop");
  CHECK(told.at("state") == "event");
  CHECK(told.at("next") == "switchback status shop");
  CHECK(told.at("data").as_object().at("to") == "blue");
  CHECK(chat.heard("rolled back to BLUE v1.2, from GREEN v1.3"));
  CHECK(chat.heard("a &lt;bad&gt; day"));

  const auto tested = instance.cli({"notify", "test", "chat"});
  CHECK(tested.code == 0);
  CHECK(chat.heard("a test of chat"));
  CHECK(instance.cli({"notify", "test", "nobody"}).code == 2);
  const auto list = instance.cli({"notify", "list"});
  CHECK(list.code == 0);
  CHECK_THAT(list.out, ContainsSubstring("chat"));
  const auto json = json_of(instance.cli({"notify", "list", "--json"}).out);
  CHECK(json.at("targets").as_array().size() == 3);

  // SIGTERM: what waits goes out, and the one that hangs does not hold the end up.
  instance.process->signal(SIGTERM);
  REQUIRE(instance.process->wait());
}

TEST_CASE("a reload adds a target, which hears of the next rollback") {
  TestServer blue("blue"), green("green");
  Receiver chat;
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  Instance instance(options);
  instance.wait_until_checked();
  CHECK_THAT(instance.cli({"notify", "list"}).out, ContainsSubstring("nobody is told"));
  instance.folder.write("switchback.yaml", instance.config_text() +
                                               "notify: [{ name: chat, webhook: \"http://" +
                                               chat.server.address() + "/\" }]\n");
  instance.process->signal(SIGHUP);
  REQUIRE(until([&] {
    return instance.cli({"notify", "list"}).out.find("chat") != std::string::npos;
  }));
  REQUIRE(instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  CHECK(chat.wait_for("flip").at("next") == "switchback rollback shop");
}

}  // namespace
