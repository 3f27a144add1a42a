// The fault table: those who command, and those who look on.
#include <fcntl.h>
#include <sys/socket.h>

#include <future>

#include "tests/e2e/fault_scene.hpp"

using namespace switchback::test;

namespace {

std::string command_text(const std::string& path, const std::string& fields = "",
                         const std::string& body = "") {
  return "POST /v1/services/shop/" + path +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

struct Told {
  int status = 0;
  boost::json::object body;
  double took_ms = 0;
};

Told command_of(const std::string& socket, const std::string& text) {
  const Moment begun = std::chrono::steady_clock::now();
  RawClient client("unix:" + socket);
  client.send(text);
  const RawResponse answer = client.read_response();
  return {answer.status, json_of(answer.body), ms_since(begun)};
}

// Both commands at the same time, from threads of their own.
std::pair<Told, Told> at_once(const FaultScene& scene, const std::string& one,
                              const std::string& other) {
  const std::string socket = scene.instance.socket();
  auto first = std::async(std::launch::async, command_of, socket, one);
  auto second = std::async(std::launch::async, command_of, socket, other);
  return {first.get(), second.get()};
}

// Two rollbacks are one flip, whoever was first.
void two_rollbacks(const std::string& fault, const std::string& one, const std::string& other) {
  repeatedly([&] {
    FaultScene scene(fault);
    scene.begin();
    scene.expect_any();
    auto [a, b] = at_once(scene, one, other);
    INFO(boost::json::serialize(a.body) << "\n" << boost::json::serialize(b.body));
    REQUIRE(a.status == 200);
    REQUIRE(b.status == 200);
    CHECK(a.body.at("flip") == b.body.at("flip"));
    const auto& mover = a.body.at("moved").as_bool() ? a : b;
    scene.expect("blue");
    scene.note(mover.body, std::max(a.took_ms, b.took_ms));
    CHECK(scene.status().at("epoch").to_number<int>() == 3);
    scene.made_good("one flip");
    scene.finish();
  });
}

// The rollback happened although nobody heard its answer.
void roll_back_unheard(FaultScene& scene, const std::function<void()>& command) {
  scene.expect_any();
  const Moment begun = std::chrono::steady_clock::now();
  command();
  REQUIRE(until([&] { return scene.status().at("active").as_string() == "blue"; }));
  const double took = ms_since(begun);
  REQUIRE(until([&] {
    const auto status = scene.status();
    return status.at("last_flip").as_object().at("stages_ms").as_object().contains("switched");
  }));
  scene.expect("blue");
  scene.note(scene.status().at("last_flip").as_object(), took);
}

}  // namespace

TEST_CASE("two operators roll back at once", "[faults]") {
  two_rollbacks("two operators: rollback twice", command_text("rollback"),
                command_text("rollback"));
  two_rollbacks("two operators: rollback twice, two keys",
                command_text("rollback", "Idempotency-Key: dana-1\r\n"),
                command_text("rollback", "Idempotency-Key: li-1\r\n"));
  two_rollbacks("two operators: rollback twice, one key",
                command_text("rollback", "Idempotency-Key: both\r\n"),
                command_text("rollback", "Idempotency-Key: both\r\n"));
}

TEST_CASE("one rolls back while the other promotes", "[faults]") {
  for (const std::string key : {"", "Idempotency-Key: li-2\r\n"}) {
    repeatedly([&] {
      FaultScene scene(key.empty() ? "two operators: rollback against promote"
                                   : "two operators: rollback against promote, keys");
      scene.begin();
      // The promote is meant for what its operator saw: green active at epoch 2.
      const std::string promote =
          command_text("flips", "If-Match: \"2\"\r\nContent-Type: application/json\r\n" + key,
                       R"({"to":"green"})");
      scene.expect_any();
      auto [back, forth] = at_once(scene, command_text("rollback"), promote);
      INFO(boost::json::serialize(back.body) << "\n" << boost::json::serialize(forth.body));
      REQUIRE(back.status == 200);
      CHECK((forth.status == 200 || forth.status == 412));
      CHECK_FALSE(forth.body.at("moved").as_bool());
      scene.expect("blue");
      scene.note(back.body, back.took_ms);
      scene.made_good("nothing moved by the promote");
      scene.finish();
    });
  }
}

TEST_CASE("a promote hangs at the disk, and is rolled back", "[faults]") {
  if (!FaultMachine::works()) return;
  repeatedly([] {
    FaultOptions options;
    options.faulty_machine = true;
    FaultScene scene("rollback while a promote hangs at the disk", options);
    scene.begin();
    scene.roll_back();
    scene.machine.stall_syncs();
    auto promote = std::async(
        std::launch::async, command_of, scene.instance.socket(),
        command_text("flips", "Content-Type: application/json\r\n", R"({"to":"green"})"));
    REQUIRE(until([&] { return scene.machine.control().slots_stalled > 0; }));
    const auto again = command_of(scene.instance.socket(), command_text("rollback"));
    INFO(boost::json::serialize(again.body));
    CHECK(again.status == 200);
    CHECK(again.body.at("already").as_bool());
    CHECK(scene.machine.control().stalled_now > 0);
    const Told told = promote.get();
    CHECK(told.body.at("code").as_string() == "preempted");
    CHECK_FALSE(told.body.at("moved").as_bool());
    scene.machine.release_syncs();
    scene.expect_cleared("state_not_durable");
    scene.made_good("promote stopped");
    scene.finish();
  });
}

TEST_CASE("the client of the admin API goes in the middle of its call", "[faults]") {
  repeatedly([] {
    FaultScene scene("admin client gone: RST");
    scene.begin();
    roll_back_unheard(scene, [&] {
      RawClient client("unix:" + scene.instance.socket());
      client.send(command_text("rollback"));
      client.reset();
    });
    scene.made_good();
    scene.finish();
  });
  repeatedly([] {
    FaultScene scene("admin client gone: half closed");
    scene.begin();
    scene.expect_any();
    const Moment begun = std::chrono::steady_clock::now();
    RawClient client("unix:" + scene.instance.socket());
    client.send(command_text("rollback"));
    client.half_close();
    const RawResponse answer = client.read_response();  // it asked, and is told
    REQUIRE(answer.status == 200);
    scene.expect("blue");
    scene.note(json_of(answer.body), ms_since(begun));
    scene.made_good();
    scene.finish();
  });
}

TEST_CASE("the command line is killed in the middle of its call", "[faults]") {
  if (!FaultMachine::works()) return;
  repeatedly([] {
    FaultOptions options;
    options.faulty_machine = true;
    FaultScene scene("kill -9 of `switchback rollback`", options);
    scene.begin();
    scene.machine.stall_syncs();  // it waits 50 ms for the disk: in the middle
    roll_back_unheard(scene, [&] {
      Process caller(
          {switchback_program(), "rollback", "shop", "--admin", scene.instance.socket()});
      REQUIRE(until([&] { return scene.machine.control().slots_stalled > 0; }));
      caller.signal(SIGKILL);
      REQUIRE(caller.wait() == 128 + SIGKILL);
    });
    scene.machine.release_syncs();
    const Finished again = scene.instance.cli({"rollback", "shop", "--json"});
    CHECK(again.code == 0);
    CHECK(json_of(again.out).at("already").as_bool());
    scene.made_good("the second press says already");
    scene.finish();
  });
}

TEST_CASE("readers of metrics and events never read", "[faults]") {
  repeatedly([] {
    FaultScene scene("readers that never read: metrics, events");
    scene.begin();
    std::vector<RawClient> deaf;
    for (int i = 0; i < 24; ++i) {
      deaf.emplace_back("unix:" + scene.instance.socket());
      const int small = 1;
      ::setsockopt(deaf.back().fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      std::string asked;
      // Pipelined: more than any socket's buffer holds.
      for (int n = 0; n < (i % 2 ? 1 : 40); ++n)
        asked += std::string("GET ") + (i % 2 ? "/v1/events" : "/metrics") +
                 " HTTP/1.1\r\nHost: x\r\n\r\n";
      deaf.back().send(asked);
    }
    scene.roll_back();
    scene.flip_on(10);  // every switch is an event, and a line
    scene.made_good();
    scene.finish();
  });
}
