// The machine's bad days, seen from outside: a locked ledger, a full disk, no descriptors left, a
// reader that stalls in a huge download. Traffic goes on and flips go on.
#include <sqlite3.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "tests/e2e/admin_client.hpp"
#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

struct Shop {
  TestServer blue{"blue"}, green{"green"};
  Instance instance{{.blue = {blue.address()}, .green = {green.address()}}};
  Shop() { instance.wait_until_checked(); }
};

long resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return -1;
}

std::size_t flips_known(const std::string& socket) {
  return admin_call(socket, "GET", "/v1/services/shop/flips?limit=1000")
      .body.at("flips")
      .as_array()
      .size();
}

// Flips `count` times; every one must move traffic.
void flip_back_and_forth(const Instance& instance, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string color = i % 2 == 0 ? "green" : "blue";
    const AdminAnswer answer = flip_to(instance.socket(), color);
    INFO(boost::json::serialize(answer.body));
    REQUIRE(answer.status == 200);
    CHECK(answer.body.at("moved").as_bool());
    CHECK(instance.who_answers() == color);
  }
}

}  // namespace

TEST_CASE("a locked ledger delays no flip, and its rows are made good", "[bad]") {
  Shop shop;
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(shop.instance.folder.file("state/ledger.db").c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
  flip_back_and_forth(shop.instance, 6);
  REQUIRE(until([&] {
    return fetch("unix:" + shop.instance.socket(), "/metrics").body.find("ledger_unwritable") !=
           std::string::npos;
  }));
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  const auto rows = [&] {
    sqlite3_stmt* query = nullptr;
    int count = -1;
    if (sqlite3_prepare_v2(other, "SELECT count(*) FROM flip", -1, &query, nullptr) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
      count = sqlite3_column_int(query, 0);
    }
    sqlite3_finalize(query);
    return count;
  };
  CHECK(until([&] { return rows() == 6; }));
  sqlite3_close(other);
  shop.instance.process->signal(SIGKILL);
  shop.instance.process->wait();
  shop.instance.start();
  CHECK(until([&] { return flips_known(shop.instance.socket()) == 6; }));
}

TEST_CASE("a full disk: flips and rollbacks go on", "[bad]") {
  TestServer blue("blue"), green("green");
  TempDir mounted;
  if (::mount("tmpfs", mounted.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    WARN("no right to mount here: the full disk is not tried");
    return;
  }
  struct Unmount {
    std::string path;
    ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
  } unmount{mounted.path()};
  InstanceOptions options{.blue = {blue.address()}, .green = {green.address()}};
  options.more = "log: { access: json, path: " + mounted.file("access.log") + " }\n";
  options.state_dir = mounted.path() + "/state";
  Instance instance(options);
  instance.wait_until_checked();
  {
    std::ofstream filler(mounted.file("filler"));
    const std::string block(4096, 'x');
    while (filler.write(block.data(), 4096) && filler.flush()) {
    }
  }
  flip_back_and_forth(instance, 10);
  REQUIRE(admin_call(instance.socket(), "POST", "/v1/services/shop/flips", R"({"to":"green"})")
              .status == 200);
  CHECK(admin_call(instance.socket(), "POST", "/v1/services/shop/rollback").status == 200);
  CHECK(instance.who_answers() == "blue");
  // What was said holds over a kill, full disk or not.
  REQUIRE(flip_to(instance.socket(), "green").status == 200);
  instance.process->signal(SIGKILL);
  instance.process->wait();
  instance.start();
  CHECK(instance.who_answers() == "green");
}

TEST_CASE("out of descriptors: accepting pauses and recovers, who is connected is served",
          "[bad]") {
  TestServer blue("blue"), green("green");
  InstanceOptions options{.blue = {blue.address()}, .green = {green.address()}};
  options.wrapper = {"/bin/sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\""};
  Instance instance(options);
  instance.wait_until_checked();
  RawClient early(instance.address);
  early.send("GET /ok HTTP/1.1\r\nHost: shop\r\n\r\n");
  REQUIRE(early.read_response().status == 200);
  std::vector<RawClient> crowd;
  for (int i = 0; i < 100; ++i) crowd.emplace_back(instance.address);
  for (int i = 0; i < 20; ++i) {
    early.send("GET /ok HTTP/1.1\r\nHost: shop\r\n\r\n");
    REQUIRE(early.read_response().status == 200);
  }
  crowd.clear();
  CHECK(until([&] { return instance.who_answers() == "blue"; }));
}

TEST_CASE("a stalled reader of 1 GiB costs a buffer, not a gigabyte", "[bad]") {
  constexpr std::size_t gib = std::size_t{1} << 30;
  TestServerOptions endless;
  endless.raw = [](RawClient& client) {
    const std::string head = client.read_head();
    if (head.find("/healthz") != std::string::npos) {
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(gib) + "\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    for (std::size_t sent = 0; sent < gib && client.try_send(piece); sent += piece.size()) {
    }
  };
  TestServer server(endless);
  Instance instance({.blue = {server.address()}, .green = {server.address()}});
  instance.wait_until_checked();
  const long before = resident_kib(instance.process->pid());
  std::vector<RawClient> stalled;
  for (int i = 0; i < 16; ++i) {
    stalled.emplace_back(instance.address);
    stalled.back().send("GET /huge HTTP/1.1\r\nHost: shop\r\n\r\n");
    stalled.back().read_head();
  }
  RawClient reader(
      instance.address);  // somebody reads a lot meanwhile: the others are full by then
  reader.send("GET /huge HTTP/1.1\r\nHost: shop\r\n\r\n");
  reader.read_head();
  reader.read_exact(64 << 20);
  const long grown = resident_kib(instance.process->pid()) - before;
  INFO("grown by " << grown << " KiB for 17 downloads");
  if (memory_is_measured) CHECK(grown < 17 * 512 + 4096);
}
