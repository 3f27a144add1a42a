// flip, rollback and what stands around them, against a running instance.
#include <thread>

#include "tests/integration/instance.hpp"
#include "tests/support/places.hpp"

using namespace switchback::test;

namespace {

struct Shop {
  TestServer blue{"blue"};
  TestServer green{"green"};
  Instance instance{{.blue = {blue.address()}, .green = {green.address()}}};
  Shop() { instance.wait_until_checked(); }
};

}  // namespace

TEST_CASE("a flip, its repetition, the way back, and its repetition") {
  Shop shop;
  const auto& instance = shop.instance;
  CHECK(instance.who_answers() == "blue");

  const auto flip = instance.cli({"flip", "--reason", "release 1.3"});
  CHECK(flip.code == 0);
  CHECK_THAT(flip.out, ContainsSubstring("shop: promote BLUE v1.2 -> GREEN v1.3   (epoch 2)"));
  CHECK_THAT(flip.out, ContainsSubstring("every worker sends new requests to GREEN"));
  CHECK_THAT(flip.out, ContainsSubstring("Traffic moved: GREEN v1.3 is active."));
  CHECK_THAT(flip.out, ContainsSubstring("to go back: switchback rollback shop --admin "));
  CHECK(instance.who_answers() == "green");

  const auto again = instance.cli({"flip"});
  CHECK(again.code == 0);
  CHECK_THAT(again.out, ContainsSubstring("GREEN v1.3 is active already"));
  CHECK(instance.who_answers() == "green");

  const auto back = instance.cli({"rollback", "shop"});
  CHECK(back.code == 0);
  CHECK_THAT(back.out, ContainsSubstring("Traffic moved: BLUE v1.2 is active."));
  CHECK(instance.who_answers() == "blue");

  const auto pressed_twice = instance.cli({"rollback"});
  CHECK(pressed_twice.code == 0);
  CHECK_THAT(pressed_twice.out, ContainsSubstring("BLUE v1.2 is active already"));
  CHECK(instance.who_answers() == "blue");

  const auto history = instance.cli({"history", "shop"});
  CHECK(history.code == 0);
  CHECK(history.out.find("rollback GREEN v1.3 -> BLUE v1.2") <
        history.out.find("promote BLUE v1.2 -> GREEN v1.3"));
  CHECK_THAT(history.out, ContainsSubstring("\"release 1.3\""));
}

TEST_CASE("--json prints the receipt and nothing else") {
  Shop shop;
  const auto flip =
      shop.instance.cli({"flip", "shop", "--to", "v1.3", "--json", "--wait", "drained"});
  REQUIRE(flip.code == 0);
  const auto receipt = json_of(flip.out);
  CHECK(receipt.at("to").as_string() == "green");
  CHECK(receipt.at("moved").as_bool());
  CHECK(receipt.at("state").as_string() == "drained");
  const auto status = json_of(shop.instance.cli({"status", "shop", "--json"}).out);
  CHECK(status.at("active").as_string() == "green");
  CHECK(status.at("epoch").to_number<int>() == 2);
}

TEST_CASE("many at once flip once") {
  Shop shop;
  std::vector<std::thread> threads;
  std::vector<int> codes(6, -1);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    threads.emplace_back([&, i] { codes[i] = shop.instance.cli({"flip", "shop"}).code; });
  }
  for (auto& thread : threads) thread.join();
  CHECK(codes == std::vector<int>(6, 0));
  CHECK(shop.instance.who_answers() == "green");
  const auto status = json_of(shop.instance.cli({"status", "shop", "--json"}).out);
  CHECK(status.at("epoch").to_number<int>() == 2);
}

TEST_CASE("refusals say that nothing moved, and why") {
  TestServer blue("blue");
  const RefusingPort nobody;
  Instance instance({.blue = {blue.address()}, .green = {nobody.address()}});
  instance.wait_until_checked();

  SECTION("an unfit standby, unless forced with a reason") {
    const auto refused = instance.cli({"flip", "shop"});
    CHECK(refused.code == 21);
    CHECK_THAT(refused.err, ContainsSubstring("Traffic did not move; BLUE v1.2 stays active."));
    CHECK_THAT(refused.err, ContainsSubstring("next: "));
    CHECK(instance.who_answers() == "blue");
    const auto forced = instance.cli({"flip", "shop", "--to", "green", "--force", "it is a drill"});
    CHECK(forced.code == 0);
    CHECK_THAT(instance.cli({"history"}).out, ContainsSubstring("it is a drill"));
    CHECK(instance.who_answers() == "503");
    CHECK(instance.cli({"rollback"}).code == 0);
    CHECK(instance.who_answers() == "blue");
  }
  SECTION("nothing to roll back to") {
    const auto refused = instance.cli({"rollback", "shop"});
    CHECK(refused.code == 22);
    CHECK_THAT(refused.err, ContainsSubstring("Traffic did not move"));
  }
  SECTION("a side or a service that is not there") {
    const auto side = instance.cli({"flip", "shop", "--to", "v9"});
    CHECK((side.code == 2 || (side.code >= 10 && side.code <= 29)));
    CHECK_THAT(side.err, ContainsSubstring("Traffic did not move"));
    const auto service = instance.cli({"rollback", "shoop"});
    CHECK((service.code == 2 || (service.code >= 10 && service.code <= 29)));
    CHECK_THAT(service.err, ContainsSubstring("Traffic did not move"));
  }
}

TEST_CASE("the drain is followed to its end on request") {
  Shop shop;
  RawClient client(shop.instance.address);
  client.send("GET /hold HTTP/1.1\r\nHost: shop\r\n\r\n");
  REQUIRE(shop.blue.wait_for_held(1));
  Process flip({switchback::test::switchback_program(), "flip", "shop", "--wait", "drained",
                "--admin", shop.instance.socket()});
  REQUIRE(flip.wait_for_line("every worker sends new requests to GREEN"));
  CHECK(flip.running());
  shop.blue.release_held();
  CHECK(client.read_response().status == 200);
  CHECK(flip.wait() == 0);
  CHECK_THAT(flip.out(), ContainsSubstring("nothing is left on BLUE"));
  CHECK_THAT(flip.out(), ContainsSubstring("was on BLUE: 1 request: 1 completed"));
}

TEST_CASE("the door is shut and opened") {
  Shop shop;
  REQUIRE(shop.instance.cli({"pause", "--max", "60s"}).code == 0);
  RawClient client(shop.instance.address);
  client.send("GET /ok HTTP/1.1\r\nHost: shop\r\n\r\n");
  CHECK(until([&] {
    return shop.instance.cli({"status", "shop"}).out.find("PAUSED: 1 request waiting") !=
           std::string::npos;
  }));
  CHECK(shop.instance.cli({"flip", "shop"}).code == 0);
  CHECK(shop.instance.cli({"resume"}).code == 0);
  CHECK(client.read_response().field("X-Served-By") == "green");
  CHECK(shop.instance.cli({"pause", "--max", "soon"}).code == 2);
}

TEST_CASE("events are followed, also those of before") {
  Shop shop;
  REQUIRE(shop.instance.cli({"flip", "shop", "--wait", "drained"}).code == 0);
  const auto said = shop.instance.cli({"events", "--after", "0", "--count", "2", "--json"});
  CHECK(said.code == 0);
  CHECK_THAT(said.out, ContainsSubstring("\"event\":"));
}

TEST_CASE("over TCP without a token changes are refused, with it they are not") {
  const auto made = command({"token", "new", "ops", "--role", "operate", "--json"});
  REQUIRE(made.code == 0);
  const auto token = json_of(made.out);
  TestServer blue("blue");
  TestServer green("green");
  Instance instance(
      {.blue = {blue.address()},
       .green = {green.address()},
       .admin_more = "  bind: 127.0.0.1:0\n  tokens: [ { name: ops, role: operate, sha256: " +
                     std::string(token.at("sha256").as_string()) + " } ]\n"});
  instance.wait_until_checked();
  const auto line = instance.process->wait_for_line("admin on http://");
  REQUIRE(line);
  const auto admin = line->substr(line->find("http://"));

  const auto refused = command({"flip", "shop", "--to", "green", "--admin", admin});
  CHECK(refused.code == 4);
  CHECK_THAT(refused.err, ContainsSubstring("Traffic did not move"));
  CHECK(instance.who_answers() == "blue");

  const auto secret = std::string(token.at("token").as_string());
  const auto file = instance.folder.write("ops.token", secret + "\n");
  const auto flipped =
      command({"flip", "shop", "--to", "green", "--admin", admin, "--token-file", file});
  CHECK(flipped.code == 0);
  CHECK(instance.who_answers() == "green");
  CHECK(command({"rollback", "shop", "--admin", admin}, {"SWITCHBACK_TOKEN=" + secret}).code == 0);
  CHECK(command({"rollback", "shop", "--admin", admin}, {"SWITCHBACK_TOKEN=sbt_wrong"}).code == 4);
}
