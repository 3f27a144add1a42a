// Mirroring as an operator meets it: configured, looked at, reloaded, flipped.
#include "tests/integration/instance.hpp"

using namespace switchback::test;
namespace json = boost::json;

namespace {

void ask(const Instance& instance, const std::string& target) {
  RawClient client(instance.address);
  client.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
  REQUIRE(client.read_response().status == 200);
}

json::object mirror_of(const Instance& instance) {
  const auto said = instance.cli({"mirror", "shop", "--json"});
  REQUIRE(said.code == 0);
  return json_of(said.out);
}

}  // namespace

TEST_CASE("copies are counted, shown, and turn round with a flip") {
  TestServer blue("blue"), green("green");
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  options.admin_more = "  bind: 127.0.0.1:0\n";
  options.service_more = "    mirror: { percent: 100, headers: [X-Served-By] }\n";
  Instance instance(options);
  instance.wait_until_checked();
  for (int i = 0; i < 3; ++i) ask(instance, "/cart?n=" + std::to_string(i));
  REQUIRE(until([&] { return mirror_of(instance).at("compared").to_number<int>() == 3; }));
  const auto run = mirror_of(instance);
  CHECK(run.at("standby").as_string() == "green");
  CHECK(run.at("results").as_object().at("header").to_number<int>() == 3);
  CHECK(run.at("headers").as_object().at("X-Served-By").to_number<int>() == 3);
  CHECK(run.at("samples").as_array().size() == 3);
  const auto words = instance.cli({"mirror"});
  CHECK(words.code == 0);
  CHECK_THAT(words.out, ContainsSubstring("copied to GREEN v1.3, compared with BLUE v1.2"));
  CHECK_THAT(words.out,
             ContainsSubstring("3 compared: 0 equal, 3 header   (fields: 3 X-Served-By)"));
  CHECK_THAT(words.out, ContainsSubstring("header X-Served-By   GET /cart?n="));
  CHECK_THAT(instance.cli({"status", "shop"}).out,
             ContainsSubstring("100 % to GREEN: 3 compared, 3 differ"));
  REQUIRE(instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  CHECK(mirror_of(instance).at("standby").as_string() == "blue");
  CHECK(mirror_of(instance).at("compared").to_number<int>() == 0);
  ask(instance, "/after");
  REQUIRE(until([&] { return mirror_of(instance).at("compared").to_number<int>() == 1; }));
  CHECK(blue.seen().back().field("X-Switchback-Mirror") == "1");
  CHECK(instance.cli({"mirror", "nobody"}).code != 0);
}
