// The clients that people use, through flips: curl, wrk, and the command line itself.
#include <thread>

#include "tests/e2e/admin_client.hpp"
#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {
struct Shop {
  TestServer blue{"blue"}, green{"green"};
  Instance instance{{.blue = {blue.address()}, .green = {green.address()}}};
  Shop() { instance.wait_until_checked(); }
};
}  // namespace

TEST_CASE("wrk sees no failure while the command line flips", "[real]") {
  Shop shop;
  Finished wrk;
  std::thread load([&] {
    wrk = run({"wrk", "-t2", "-c32", "-d3s", shop.instance.address + "/ok?bytes=1000"});
  });
  REQUIRE(shop.blue.wait_for_requests(500));
  for (int i = 0; i < 10; ++i) {
    const auto said = i % 2 == 0 ? shop.instance.cli({"flip", "shop", "--to", "green"})
                                 : shop.instance.cli({"rollback", "shop"});
    INFO(said.out << said.err);
    CHECK(said.code == 0);
  }
  load.join();
  INFO(wrk.out);
  CHECK(wrk.code == 0);
  CHECK_THAT(wrk.out, ContainsSubstring("requests in"));
  CHECK_THAT(wrk.out, !ContainsSubstring("Non-2xx"));
  CHECK_THAT(wrk.out, !ContainsSubstring("Socket errors"));
}

TEST_CASE("curl uploads, downloads, resumes a connection and sees both colors", "[real]") {
  Shop shop;
  const std::string base = shop.instance.address;
  const std::string upload = shop.instance.folder.write("upload", body_of(3'000'000));
  const auto put = run({"curl", "-sS", "-T", upload, base + "/sink"});
  CHECK(put.out == "bytes=3000000 fnv=" + std::to_string(body_hash(body_of(3'000'000))));
  const auto chunked = run({"curl", "-sS", "-H", "Transfer-Encoding: chunked", "-d", "@" + upload,
                            "-H", "Expect: 100-continue", base + "/echo?raw=1"});
  CHECK(chunked.code == 0);
  CHECK_THAT(chunked.out, ContainsSubstring("Transfer-Encoding: chunked"));
  const auto two = run({"curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", "-w",
                        "%{num_connects} ", base + "/ok", base + "/chunked?bytes=5000"});
  CHECK(two.out == "1 0 ");  // new connections for each
  REQUIRE(flip_to(shop.instance.socket(), "green").status == 200);
  const auto after = run({"curl", "-sS", "-i", "--http1.0", base + "/ok"});
  CHECK_THAT(after.out, ContainsSubstring("X-Served-By: green"));
}

TEST_CASE("the API's promises hold for a bare curl", "[real]") {
  Shop shop;
  const std::string socket = shop.instance.socket();
  const auto post = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"curl", "-sS", "--unix-socket", socket, "-X", "POST"};
    all.insert(all.end(), more.begin(), more.end());
    return json_of(run(all).out);
  };
  const std::string service = "http://x/v1/services/shop";
  const auto none = post({service + "/rollback"});
  CHECK(none.at("code").as_string() == "nothing_to_roll_back_to");
  CHECK_FALSE(none.at("moved").as_bool());
  CHECK(none.at("exit_code").to_number<int>() == 22);
  const auto stale =
      post({service + "/flips", "-H", "If-Match: \"77\"", "-d", R"({"to":"green"})"});
  CHECK(stale.at("status").to_number<int>() == 412);
  CHECK(shop.instance.who_answers() == "blue");
  const auto moved = post({service + "/flips", "-H", "If-Match: \"1\"", "-H", "Idempotency-Key: k1",
                           "-d", R"({"to":"green"})"});
  CHECK(moved.at("moved").as_bool());
  const auto replay = post({service + "/flips", "-H", "If-Match: \"1\"", "-H",
                            "Idempotency-Key: k1", "-d", R"({"to":"green"})"});
  CHECK(replay.at("flip") == moved.at("flip"));
  CHECK(post({service + "/flips", "-d", "{}"}).at("status").to_number<int>() == 422);
  CHECK(post({service + "/rollback"}).at("moved").as_bool());
  CHECK(post({service + "/rollback"}).at("already").as_bool());
  CHECK(shop.instance.who_answers() == "blue");
}
