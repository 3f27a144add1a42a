// Access decided over real sockets: another uid, tokens, foreign Hosts, reload.
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/raw_client.hpp"
#include "tests/unit/admin/api/api_fixture.hpp"

namespace switchback {
namespace {

using config::Role;
using test::ApiFixture;
using test::problem_code;
using test::RawClient;

constexpr uid_t other_uid = 65'534;
constexpr gid_t other_gid = 65'533;

// A child process becomes another uid, connects, and passes the connected socket's bytes on: the
// credentials of a unix socket are those of whoever connected. Only system calls after the fork.
std::string ask_as(uid_t uid, gid_t gid, const std::string& socket, const std::string& request) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(gid) != 0 || ::setuid(uid) != 0) ::_exit(1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ::_exit(2);
    if (::write(fd, request.data(), request.size()) < 0) ::_exit(3);
    char bytes[4096];
    for (ssize_t size = 0; (size = ::read(fd, bytes, sizeof bytes)) > 0;) {
      if (::write(ends[1], bytes, static_cast<std::size_t>(size)) < 0) ::_exit(4);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string answer;
  char bytes[4096];
  for (ssize_t size = 0; (size = ::read(ends[0], bytes, sizeof bytes)) > 0;) {
    answer.append(bytes, static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  return answer;
}

const std::string rollback_bytes =
    "POST /v1/services/shop/rollback HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
    "0\r\n\r\n";
const std::string list_bytes = "GET /v1/services HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_CASE(
    "another uid on the unix socket gets what admin.access gives it, from the next request on") {
  if (::geteuid() != 0) return;  // only root can become somebody else
  ApiFixture f;
  REQUIRE(::chmod(f.dir.path().c_str(), 0755) == 0);
  auto answer = ask_as(other_uid, other_gid, f.socket, rollback_bytes);
  CHECK_THAT(answer, ContainsSubstring("HTTP/1.1 403") && ContainsSubstring("access_denied") &&
                         ContainsSubstring("uid 65534") && ContainsSubstring("admin.access"));
  config::Admin admin;
  admin.access = {{"65534", "", Role::read}};
  f.on_io([&] { CHECK(f.server->adopt(admin) == ""); });
  CHECK_THAT(ask_as(other_uid, other_gid, f.socket, list_bytes), ContainsSubstring("HTTP/1.1 200"));
  CHECK_THAT(ask_as(other_uid, other_gid, f.socket, rollback_bytes),
             ContainsSubstring("role_too_low"));
  f.settle();
  CHECK(f.controller.rollbacks.empty());
  admin.access.push_back({"", "65533", Role::operate});
  f.on_io([&] { CHECK(f.server->adopt(admin) == ""); });
  CHECK_THAT(ask_as(other_uid, other_gid, f.socket, rollback_bytes),
             ContainsSubstring("HTTP/1.1 200"));
  f.settle();
  REQUIRE(f.controller.rollbacks.size() == 1);
  CHECK_THAT(f.controller.rollbacks[0].actor.name, ContainsSubstring("uid 65534"));
  CHECK(f.controller.rollbacks[0].actor.role == Role::operate);
}

TEST_CASE("TCP without tokens over a real socket: local reads, no changes, no foreign Host") {
  ApiFixture f;
  CHECK(f.get("/v1/services", true).status == 200);
  const auto refused = f.call({.method = "POST", .target = "/v1/services/shop/rollback"}, true);
  CHECK(refused.status == 401);
  CHECK(problem_code(refused) == "tokens_not_configured");
  CHECK(test::body_of(refused).at("next").as_string() ==
        "sudo switchback token new NAME --role operate");
  CHECK(f.controller.rollbacks.empty());
  for (const char* path : {"/", "/v1/services", "/v1/events", "/metrics", "/nothing-here"}) {
    INFO(path);
    RawClient rebound(f.tcp);
    rebound.send("GET " + std::string(path) +
                 " HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    const auto answer = rebound.read_response();
    CHECK(answer.status == 403);
    CHECK_THAT(answer.body, ContainsSubstring("foreign_host"));
    CHECK(answer.body.find("shop") == std::string::npos);
  }
}

TEST_CASE("TCP with tokens over a real socket: roles, reload") {
  config::Admin admin;
  const auto reader = people::make_token("dash"), oncall = people::make_token("oncall");
  admin.tokens = {{"dash", Role::read, reader.sha256}, {"oncall", Role::operate, oncall.sha256}};
  ApiFixture f(admin);
  const auto ask = [&](const std::string& method, const std::string& path,
                       const std::string& token) {
    web::ClientRequest request{.method = method, .target = path};
    if (!token.empty()) request.fields.emplace_back("Authorization", "Bearer " + token);
    return f.call(request, true).status;
  };
  const std::string rollback = "/v1/services/shop/rollback";
  CHECK(ask("GET", "/v1/services", "") == 401);
  CHECK(ask("GET", "/", "") == 401);
  CHECK(ask("GET", "/healthz", "") == 200);
  CHECK(ask("GET", "/readyz", "") == 200);
  CHECK(ask("GET", "/metrics", "") == 200);
  CHECK(ask("GET", "/v1/services", reader.text) == 200);
  CHECK(ask("POST", rollback, reader.text) == 403);
  CHECK(ask("POST", rollback, oncall.text) == 200);
  CHECK(f.controller.rollbacks.at(0).actor.name == "token oncall");
  admin.tokens.pop_back();
  f.on_io([&] { CHECK(f.server->adopt(admin) == ""); });
  CHECK(ask("POST", rollback, oncall.text) == 401);
  CHECK(f.controller.rollbacks.size() == 1);
}

TEST_CASE("many wrong tokens over TCP never shut the unix socket") {
  config::Admin admin;
  admin.tokens = {{"ci", Role::operate, people::make_token("ci").sha256}};
  ApiFixture f(admin);
  unsigned last = 0;
  for (int i = 0; i < 20; ++i) {
    last = f.call({.method = "POST",
                   .target = "/v1/services/shop/rollback",
                   .fields = {{"Authorization", "Bearer guess"}}},
                  true)
               .status;
  }
  CHECK(last == 429);
  CHECK(f.post("/v1/services/shop/rollback", "").status == 200);
}

TEST_CASE("a page on another site changes nothing, also over the unix socket") {
  ApiFixture f;
  const auto answer =
      f.post("/v1/services/shop/rollback", "", {{"Origin", "https://evil.example"}});
  CHECK(answer.status == 403);
  CHECK(problem_code(answer) == "cross_site");
  CHECK(f.controller.rollbacks.empty());
}

}  // namespace
}  // namespace switchback
