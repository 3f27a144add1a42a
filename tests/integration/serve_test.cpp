// serve as a process: its start, its signals, its end.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

std::string config_with(const std::string& bind, const std::string& state_dir) {
  return "listeners:\n  - bind: " + bind +
         "\nservices:\n  shop:\n    blue: { servers: [\"127.0.0.1:9001\"] }\n"
         "    green: { servers: [\"127.0.0.1:9101\"] }\nadmin:\n  socket: admin.sock\nstate_dir: " +
         state_dir + "\n";
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

struct Shop {
  TestServer blue{"blue"};
  TestServer green{"green"};
  Instance instance;
  explicit Shop(InstanceOptions options = {})
      : instance(complete(std::move(options), blue, green)) {
    instance.wait_until_checked();
  }
  static InstanceOptions complete(InstanceOptions options, const TestServer& blue,
                                  const TestServer& green) {
    options.blue = {blue.address()};
    options.green = {green.address()};
    return options;
  }
};

}  // namespace

TEST_CASE("what keeps serve from starting is one clear line and exit 2") {
  const TempDir folder;
  SECTION("the port is taken") {
    const TestServer taken("taken");
    const auto file = folder.write("a.yaml", config_with(taken.address(), "state"));
    const auto said = command({"serve", "--config", file});
    CHECK(said.code == 2);
    CHECK_THAT(said.err, ContainsSubstring(taken.address()));
    CHECK_THAT(said.err, ContainsSubstring("Address already in use"));
    CHECK(lines_of(said.err) == 1);
  }
  SECTION("the state folder cannot be made") {
    folder.write("file", "in the way");
    const auto file = folder.write("a.yaml", config_with("127.0.0.1:0", folder / "file/state"));
    const auto said = command({"serve", "--config", file});
    CHECK(said.code == 2);
    CHECK_THAT(said.err, ContainsSubstring("state_dir"));
    CHECK(lines_of(said.err) == 1);
  }
  SECTION("the configuration is faulty: every fault") {
    const auto file = folder.write("a.yaml", "listener: []\nworkers: many\n");
    const auto said = command({"serve", "--config", file});
    CHECK(said.code == 2);
    CHECK_THAT(said.err, ContainsSubstring("a.yaml:1:1: "));
    CHECK_THAT(said.err, ContainsSubstring("a.yaml:2:"));
  }
  SECTION("another instance has the state") {
    Shop shop;
    const auto said = command({"serve", "--config", shop.instance.config()});
    CHECK(said.code == 2);
    CHECK(lines_of(said.err) == 1);
    CHECK(shop.instance.who_answers() == "blue");
  }
}

TEST_CASE("the active side survives kill -9") {
  Shop shop;
  REQUIRE(shop.instance.cli({"flip", "shop"}).code == 0);
  shop.instance.process->signal(SIGKILL);
  REQUIRE(shop.instance.process->wait() == 128 + SIGKILL);
  shop.instance.start();
  CHECK(shop.instance.who_answers() == "green");
  CHECK_THAT(shop.instance.process->err(),
             ContainsSubstring("service shop: GREEN v1.3 is active (epoch 2)"));
  CHECK_THAT(shop.instance.cli({"history"}).out,
             ContainsSubstring("promote BLUE v1.2 -> GREEN v1.3"));
  CHECK(shop.instance.cli({"rollback"}).code == 0);
  CHECK(shop.instance.who_answers() == "blue");
}

TEST_CASE("SIGTERM lets requests end, and then ends") {
  Shop shop;
  RawClient client(shop.instance.address);
  client.send("GET /hold HTTP/1.1\r\nHost: shop\r\n\r\n");
  REQUIRE(shop.blue.wait_for_held(1));
  shop.instance.process->signal(SIGTERM);
  REQUIRE(shop.instance.process->wait_for_line("draining for at most 30 s"));
  CHECK(shop.instance.process->running());
  shop.blue.release_held();
  const auto response = client.read_response();
  CHECK(response.status == 200);
  CHECK(response.complete);
  CHECK(shop.instance.process->wait() == 0);
  CHECK(::access(shop.instance.socket().c_str(), F_OK) != 0);
}

TEST_CASE("a second SIGTERM ends at once") {
  Shop shop;
  RawClient client(shop.instance.address);
  client.send("GET /hold HTTP/1.1\r\nHost: shop\r\n\r\n");
  REQUIRE(shop.blue.wait_for_held(1));
  shop.instance.process->signal(SIGTERM);
  REQUIRE(shop.instance.process->wait_for_line("draining for at most 30 s"));
  shop.instance.process->signal(SIGTERM);
  CHECK(shop.instance.process->wait() == 128 + SIGTERM);
  CHECK(::access(shop.instance.socket().c_str(), F_OK) != 0);
  CHECK(client.wait_for_end());
}

TEST_CASE("SIGHUP adopts what can change, names what cannot, and keeps all on a fault") {
  Shop shop;
  auto& instance = shop.instance;
  const TestServer third("third");
  const auto swapped = [&](const std::string& from, const std::string& to) {
    auto text = instance.config_text();
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };

  SECTION("a change is adopted and named") {
    instance.folder.write("switchback.yaml", swapped(shop.blue.address(), third.address()));
    instance.process->signal(SIGHUP);
    REQUIRE(instance.process->wait_for_line("reload: services.shop.blue.servers"));
    REQUIRE(instance.process->wait_for_line("reload: adopted"));
    CHECK(until([&] { return instance.who_answers() == "third"; }));
  }
  SECTION("what needs a restart is named and stays") {
    instance.folder.write("switchback.yaml", swapped("workers: 2", "workers: 3"));
    instance.process->signal(SIGHUP);
    const auto line = instance.process->wait_for_line("needs a restart");
    REQUIRE(line);
    CHECK_THAT(*line, ContainsSubstring("workers"));
    CHECK(instance.who_answers() == "blue");
  }
  SECTION("a faulty file changes nothing") {
    auto text = swapped(shop.blue.address(), third.address()) + "wrokers: 2\n";
    instance.folder.write("switchback.yaml", text);
    instance.process->signal(SIGHUP);
    REQUIRE(instance.process->wait_for_line("did you mean"));
    REQUIRE(instance.process->wait_for_line("reload refused"));
    CHECK(instance.who_answers() == "blue");
    CHECK(instance.cli({"status"}).code == 0);
  }
}

TEST_CASE("SIGUSR1 reopens the access log") {
  Shop shop({.more = "log: { access: json, path: access.log }\n"});
  auto& instance = shop.instance;
  REQUIRE(instance.who_answers("/ok?first") == "blue");
  REQUIRE(until(
      [&] { return instance.folder.read("access.log").find("/ok?first") != std::string::npos; }));
  REQUIRE(::rename(instance.folder.file("access.log").c_str(),
                   instance.folder.file("old.log").c_str()) == 0);
  instance.process->signal(SIGUSR1);
  REQUIRE(instance.process->wait_for_line("logs reopened"));
  REQUIRE(instance.who_answers("/ok?second") == "blue");
  CHECK(until(
      [&] { return instance.folder.read("access.log").find("/ok?second") != std::string::npos; }));
  CHECK(instance.folder.read("old.log").find("/ok?second") == std::string::npos);
}

TEST_CASE("the service manager learns when it is ready") {
  const TempDir folder;
  const auto path = folder / "notify";
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  timeval patience_of_socket{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience_of_socket, sizeof(patience_of_socket));
  const auto heard = [fd] {
    char buffer[64] = {};
    const auto n = ::recv(fd, buffer, sizeof(buffer), 0);
    return std::string(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  };
  Shop shop({.environment = {"NOTIFY_SOCKET=" + path}});
  CHECK(heard() == "READY=1");
  shop.instance.process->signal(SIGTERM);
  CHECK(heard() == "STOPPING=1");
  CHECK(shop.instance.process->wait() == 0);
  ::close(fd);
}

TEST_CASE("healthcheck and a change of health in the log") {
  Shop shop;
  CHECK(shop.instance.cli({"healthcheck"}).code == 0);
  shop.green.set_healthy(false);
  CHECK(shop.instance.process->wait_for_line(shop.green.address()));
  CHECK(until(
      [&] { return shop.instance.cli({"status"}).out.find("NOT HEALTHY") != std::string::npos; }));
}
