// A reload that takes a color's servers away is seen; scaling is not.
#include "admin/releases/configured_servers.hpp"

#include "tests/support/catch.hpp"

namespace switchback::releases {
namespace {

config::Config with(const std::vector<std::string>& blue, const std::string& release = "") {
  config::Config out;
  auto& shop = out.services.emplace_back();
  shop.name = "shop";
  shop.blue.release = release;
  for (const auto& text : blue) shop.blue.servers.emplace_back().address.text = text;
  shop.green.servers.emplace_back().address.text = "g:1";
  return out;
}

TEST_CASE("the first configuration takes nothing away, nor does scaling") {
  ConfiguredServers servers;
  CHECK(servers.adopt(with({"a:1", "b:1"})).empty());
  CHECK(servers.adopt(with({"a:1", "b:1"})).empty());
  CHECK(servers.adopt(with({"b:1"})).empty());
  CHECK(servers.adopt(with({"b:1", "c:1", "d:1"})).empty());
}

TEST_CASE("servers removed or replaced are named, with the release that stands there now") {
  ConfiguredServers servers;
  servers.adopt(with({"a:1", "b:1", "c:1", "d:1"}));
  auto gone = servers.adopt(with({"x:1"}, "v1.4"));
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].service == "shop");
  CHECK(gone[0].color == Color::blue);
  CHECK(gone[0].replaced);
  CHECK(gone[0].release == "v1.4");
  CHECK(gone[0].text ==
        "its servers a:1, b:1, c:1 and 1 more were replaced by x:1 in the configuration");
  gone = servers.adopt(with({}));
  REQUIRE(gone.size() == 1);
  CHECK_FALSE(gone[0].replaced);
  CHECK(gone[0].text == "its servers x:1 were taken out of the configuration");
  CHECK(servers.adopt(with({})).empty());
  CHECK(servers.adopt(with({"y:1"})).empty());     // there was nothing to lose
  CHECK(servers.adopt(config::Config{}).empty());  // the service itself is gone
}

}  // namespace
}  // namespace switchback::releases
