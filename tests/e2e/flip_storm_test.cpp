// Flips back and forth under full load: no failed request, no request begun after the answer on
// the old color, and receipts that add up. SWITCHBACK_FLIPS says how many (200; --long: 1,000).
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tests/e2e/admin_client.hpp"
#include "tests/e2e/storm_load.hpp"
#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

unsigned wanted_flips() {
  const char* text = std::getenv("SWITCHBACK_FLIPS");
  return text ? static_cast<unsigned>(std::stoul(text)) : 200;
}

void check_receipt(const boost::json::object& receipt) {
  INFO(boost::json::serialize(receipt));
  CHECK(receipt.at("moved").as_bool());
  CHECK((receipt.at("durable").as_bool() || !receipt.at("warnings").as_array().empty()));
  for (const auto& warning : receipt.at("warnings").as_array()) {
    // A rollback waits 50 ms for the disk, which a busy machine may need longer for.
    CHECK(warning.as_string().starts_with("not on disk when traffic moved"));
  }
  for (const auto& [name, counts] : receipt.at("counts").as_object()) {
    const auto n = [&](const char* key) { return counts.as_object().at(key).to_number<long>(); };
    CHECK(n("accepted") == n("completed") + n("failed") + n("client_gone") + n("moved") +
                               n("forced") + n("in_flight"));
    CHECK(n("failed") == 0);
    if (name != "tunnel") CHECK(n("forced") == 0);   // tunnels are closed, which is what is tried
  }
}

}  // namespace

TEST_CASE("flip storm", "[storm]") {
  TestServer blue("blue"), green("green");
  Instance instance({.blue = {blue.address()}, .green = {green.address()},
                     .service_more = "    drain: { websocket: 40ms }\n",
                     .more = "log: { access: json, path: access.log }\n"});
  instance.wait_until_checked();
  Storm storm(instance.address);
  storm.set_stage("blue");
  storm.start();
  REQUIRE(storm.wait_for_answers(100));
  const unsigned flips = wanted_flips();
  std::vector<double> switched_ms;
  std::string color = "blue";
  for (unsigned i = 0; i < flips; ++i) {
    color = color == "blue" ? "green" : "blue";
    storm.set_stage("");
    AdminAnswer answer;
    if (i % 3 == 2 && color == "blue") {
      answer = admin_call(instance.socket(), "POST", "/v1/services/shop/rollback");
    } else {
      answer = flip_to(instance.socket(), color);
    }
    REQUIRE(answer.status == 200);
    REQUIRE(answer.body.at("to").as_string() == color);
    if (answer.body.at("state").as_string() != "switching") storm.set_stage(color);
    switched_ms.push_back(answer.body.at("stages_ms").as_object().at("switched").to_number<double>());
    REQUIRE(storm.wait_for_answers(100));
  }
  // Flips that come faster than a drain's patience are turned round and close no tunnel: the last
  // one is left alone.
  storm.set_stage("");
  color = color == "blue" ? "green" : "blue";
  REQUIRE(flip_to(instance.socket(), color).status == 200);
  storm.set_stage(color);
  CHECK(until([&] { return storm.closes() > 0; }));
  storm.stop();
  std::sort(switched_ms.begin(), switched_ms.end());
  std::cout << "flip storm: " << flips << " flips, " << storm.summary() << "; switched ms p50 "
            << switched_ms[switched_ms.size() / 2] << " p99 "
            << switched_ms[switched_ms.size() * 99 / 100] << " max " << switched_ms.back() << "\n";
  for (const std::string& complaint : storm.complaints()) UNSCOPED_INFO(complaint);
  CHECK(storm.failed() == 0);
  CHECK(storm.stale() == 0);
  CHECK(storm.messages() > 0);
  CHECK(storm.closes() > 0);
  REQUIRE(until([&] {
    const auto status = admin_call(instance.socket(), "GET", "/v1/services/shop").body;
    return status.at("last_flip").as_object().at("state").as_string() == "drained";
  }));
  const auto history =
      admin_call(instance.socket(), "GET", "/v1/services/shop/flips?limit=1000").body;
  const auto& receipts = history.at("flips").as_array();
  CHECK(receipts.size() == std::min<std::size_t>(flips + 1, 1000));
  for (const auto& receipt : receipts) check_receipt(receipt.as_object());
}
