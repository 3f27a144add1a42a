// The built program under a service manager: sockets passed to it, handed on, notifications.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/integration/instance.hpp"
#include "tests/support/places.hpp"
#include "tests/support/raw_client.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

struct ListeningSocket {
  explicit ListeningSocket(int type = SOCK_STREAM, bool listening = true)
      : fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    if (listening) REQUIRE(::listen(fd, 4096) == 0);
    socklen_t length = sizeof at;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) == 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  ~ListeningSocket() { ::close(fd); }
  int fd;
  std::string address;
};

// `switchback serve` with descriptors, as a manager starts it: LISTEN_PID is the process itself.
struct Activated {
  Activated(const std::string& server, const std::string& listeners, std::vector<int> fds,
            const std::string& names, std::vector<std::string> environment = {}) {
    folder.write("switchback.yaml",
                 "listeners:\n" + listeners + "services:\n  shop:\n    blue: { servers: [\"" +
                     server +
                     "\"] }\nadmin:\n  socket: admin.sock\n"
                     "state_dir: state\nworkers: 2\nlog: { path: access.log }\n");
    ProcessOptions options;
    options.environment = std::move(environment);
    options.environment.push_back("LISTEN_FDS=" + std::to_string(fds.size()));
    options.environment.push_back("LISTEN_FDNAMES=" + names);
    options.descriptors = std::move(fds);
    process = std::make_unique<Process>(
        std::vector<std::string>{"/bin/sh", "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh",
                                 switchback::test::switchback_program(), "serve", "--config",
                                 folder.file("switchback.yaml")},
        options);
  }
  void wait_until_up() const { REQUIRE(process->wait_for_line("is active (epoch")); }
  TempDir folder;
  std::unique_ptr<Process> process;
};

// New connections without end; one that is refused, reset or not answered is lost.
struct Clients {
  explicit Clients(const std::string& address) {
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([this, address] {
        while (!stop) {
          try {
            RawClient client(address);
            client.send("GET /ok HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
            if (client.read_response().status == 200) ++answered;
          } catch (const std::runtime_error&) {
            ++lost;
          }
        }
      });
    }
  }
  ~Clients() { end(); }
  void end() {
    stop = true;
    for (auto& thread : threads) thread.join();
    threads.clear();
  }
  bool more(int count) {
    const int wanted = answered + count;
    return until([&] { return answered >= wanted; });
  }
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, lost{0};
  std::vector<std::thread> threads;
};

struct NotifySocket {
  NotifySocket() : fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path = folder / "notify";
    std::strcpy(at.sun_path, path.c_str());
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    timeval limit{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~NotifySocket() { ::close(fd); }
  std::string hear() const {
    char buffer[256] = {};
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    return std::string(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  TempDir folder;
  std::string path;
  int fd;
};

}  // namespace

TEST_CASE("a socket that was passed is served, and handed on twice without a refusal") {
  TestServer server("blue");
  const ListeningSocket socket;
  const std::string listeners = "  - bind: fd:web\n";
  auto running =
      std::make_unique<Activated>(server.address(), listeners, std::vector<int>{socket.fd}, "web");
  CHECK(running->process->wait_for_line("listening on http://" + socket.address));
  running->wait_until_up();
  Clients clients(socket.address);
  REQUIRE(clients.more(200));
  SECTION("old and new overlap: the old one drains while the new one accepts") {
    for (int i = 0; i < 2; ++i) {
      RawClient held(socket.address);  // keeps whichever has it from ending
      held.send("GET /hold HTTP/1.1\r\nHost: shop\r\n\r\n");
      REQUIRE(server.wait_for_held(1));
      auto next = std::make_unique<Activated>(server.address(), listeners,
                                              std::vector<int>{socket.fd}, "web");
      next->wait_until_up();
      running->process->signal(SIGTERM);
      REQUIRE(running->process->wait_for_line("draining for at most 30 s"));
      CHECK(clients.more(200));
      server.release_held();
      CHECK(held.read_response().status == 200);
      held.close();
      CHECK(running->process->wait() == 0);
      running = std::move(next);
    }
  }
  SECTION("one after the other: who comes in between waits") {
    for (int i = 0; i < 2; ++i) {
      running->process->signal(SIGTERM);
      CHECK(running->process->wait() == 0);
      running = std::make_unique<Activated>(server.address(), listeners,
                                            std::vector<int>{socket.fd}, "web");
      running->wait_until_up();
      CHECK(clients.more(200));
    }
  }
  clients.end();
  CHECK(clients.lost == 0);
}

TEST_CASE("several sockets of one name are all served; others are told") {
  TestServer server("blue");
  const ListeningSocket one, two, api, stray;
  const Activated running(server.address(), "  - bind: fd:web\n  - bind: fd:api\n",
                          {one.fd, api.fd, two.fd, stray.fd}, "web:api:web:stray");
  for (const ListeningSocket* socket : {&one, &two, &api}) {
    CHECK(running.process->wait_for_line("listening on http://" + socket->address));
    CHECK(fetch(socket->address, "/ok").status == 200);
  }
  CHECK(running.process->wait_for_line("no listener takes the sockets stray"));
}

TEST_CASE("sockets that cannot be used keep serve from starting, in one line") {
  TestServer server("blue");
  const ListeningSocket good, udp(SOCK_DGRAM, false), mute(SOCK_STREAM, false);
  const auto fault = [&](const std::string& bind, std::vector<int> fds, const std::string& names) {
    const Activated running(server.address(), "  - bind: " + bind + "\n", std::move(fds), names);
    CHECK(running.process->wait() == 2);
    return running.process->err();
  };
  CHECK_THAT(fault("fd:web", {}, ""), ContainsSubstring("no socket was passed to this process"));
  CHECK_THAT(fault("fd:web", {good.fd}, "api"),
             ContainsSubstring("only api; set FileDescriptorName=web"));
  CHECK_THAT(fault("fd:web", {udp.fd}, "web"), ContainsSubstring("is not a stream socket"));
  CHECK_THAT(fault("fd:web", {mute.fd}, "web"), ContainsSubstring("does not listen"));
  CHECK_THAT(fault("fd:web", {good.fd, mute.fd}, "web:web"), ContainsSubstring("does not listen"));
}

TEST_CASE("the manager hears of a start, a reload, the watchdog and the end") {
  TestServer server("blue");
  const ListeningSocket socket;
  const NotifySocket manager;
  const Activated running(server.address(), "  - bind: fd:web\n", {socket.fd}, "web",
                          {"NOTIFY_SOCKET=" + manager.path, "WATCHDOG_USEC=100000"});
  CHECK(manager.hear() == "READY=1");
  for (int i = 0; i < 3; ++i) CHECK(manager.hear() == "WATCHDOG=1");
  const auto next_but_watchdog = [&] {
    for (int i = 0; i < 1000; ++i) {
      const std::string text = manager.hear();
      if (text != "WATCHDOG=1") return text;
    }
    return std::string();
  };
  running.process->signal(SIGHUP);
  CHECK_THAT(next_but_watchdog(), ContainsSubstring("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(next_but_watchdog() == "READY=1");
  running.process->signal(SIGTERM);
  CHECK(next_but_watchdog() == "STOPPING=1");
  CHECK(running.process->wait() == 0);
}

TEST_CASE("a second SIGTERM leaves what was logged on the disk") {
  TestServer server("blue");
  const ListeningSocket socket;
  const Activated running(server.address(), "  - bind: fd:web\n", {socket.fd}, "web");
  running.wait_until_up();
  RawClient held(socket.address), client(socket.address);
  held.send("GET /hold HTTP/1.1\r\nHost: shop\r\n\r\n");
  REQUIRE(server.wait_for_held(1));
  constexpr int count = 50;
  for (int i = 0; i < count; ++i) {
    client.send("GET /logged HTTP/1.1\r\nHost: shop\r\n\r\n");
    CHECK(client.read_response().status == 200);
  }
  running.process->signal(SIGTERM);
  REQUIRE(running.process->wait_for_line("draining for at most 30 s"));
  running.process->signal(SIGTERM);
  CHECK(running.process->wait_for_line("second signal: ending at once"));
  CHECK(running.process->wait() == 128 + SIGTERM);
  CHECK(held.wait_for_end());
  const std::string log = running.folder.read("access.log");
  int logged = 0;
  for (auto at = log.find("/logged"); at != std::string::npos; at = log.find("/logged", at + 1))
    ++logged;
  // The record of the last answer may have been on its way to the ring.
  CHECK(logged >= count - 1);
}
