// Who may do what: the whole matrix, without sockets.
#include "admin/api/auth.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "admin/people/token.hpp"
#include "tests/support/catch.hpp"

namespace switchback {
namespace {

using api::Authenticator;
using api::Decision;
using api::Gate;
using api::Need;
using api::Refusal;
using config::Role;

// Numbers that nobody has: rules may name numbers.
constexpr uid_t nobody_uid = 3'999'999'001;
constexpr gid_t oncall_gid = 3'999'999'002;

// An Authenticator with people of its own.
struct Gatehouse {
  explicit Gatehouse(const config::Admin& admin) : people(admin) {}
  Decision decide(const web::Request& request, const Need& need, Nanos now_ns) {
    return auth.decide(request, need, now_ns);
  }
  const api::AuthCounters& counters() const { return auth.counters(); }
  people::People people;
  Authenticator auth{people};
};

web::Request unix_request(uid_t uid, gid_t gid, std::vector<gid_t> groups = {}) {
  web::Request request;
  request.method = "GET";
  request.path = "/";
  request.peer.kind = web::Peer::Kind::unix_socket;
  request.peer.credentials = true;
  request.peer.uid = uid;
  request.peer.gid = gid;
  request.peer.groups = std::move(groups);
  request.fields.emplace_back("Host", "localhost");
  return request;
}

web::Request tcp_request(bool loopback, const std::string& host,
                         const std::string& authorization = "") {
  web::Request request;
  request.method = "GET";
  request.path = "/";
  request.peer.kind = web::Peer::Kind::tcp;
  request.peer.loopback = loopback;
  request.peer.ip = loopback ? "127.0.0.1" : "192.0.2.7";
  request.peer.address = request.peer.ip + ":1";
  request.fields.emplace_back("Host", host);
  if (!authorization.empty()) request.fields.emplace_back("Authorization", authorization);
  return request;
}

// "admin as NAME", or "403 access_denied".
std::string told(const Decision& decision) {
  if (const auto* actor = std::get_if<api::Caller>(&decision)) {
    return std::string(api::role_name(actor->role)) + " as " + actor->name;
  }
  const auto& problem = std::get<Refusal>(decision).problem;
  return std::to_string(problem.status) + " " + problem.code;
}

const Need reading{Gate::guarded, Role::read, false, "switchback status"};
const Need operating{Gate::guarded, Role::operate, true, "switchback rollback shop"};

config::Admin with_rules() {
  config::Admin admin;
  const auto uid = std::to_string(nobody_uid), gid = std::to_string(oncall_gid);
  admin.access = {{uid, "", Role::read}, {"", gid, Role::operate}};
  return admin;
}

TEST_CASE("over the unix socket the kernel says who asks, and the best rule holds") {
  Gatehouse auth(with_rules());
  const std::string name = "uid " + std::to_string(nobody_uid);
  CHECK(told(auth.decide(unix_request(0, 0), operating, 0)) == "admin as uid 0 (root)");
  CHECK_THAT(told(auth.decide(unix_request(::geteuid(), 0), operating, 0)),
             ContainsSubstring("admin as"));
  CHECK(told(auth.decide(unix_request(nobody_uid, 5), reading, 0)) == "read as " + name);
  CHECK(told(auth.decide(unix_request(nobody_uid, 5), operating, 0)) == "403 role_too_low");
  // By the main group, and by one of the others.
  CHECK(told(auth.decide(unix_request(nobody_uid, oncall_gid), operating, 0)) ==
        "operate as " + name);
  CHECK(told(auth.decide(unix_request(nobody_uid, 5, {7, oncall_gid}), operating, 0)) ==
        "operate as " + name);
  CHECK(told(auth.decide(unix_request(nobody_uid - 5, 5, {7}), reading, 0)) == "403 access_denied");
  web::Request unknown = unix_request(0, 0);
  unknown.peer.credentials = false;
  CHECK(told(auth.decide(unknown, reading, 0)) == "403 access_denied");
}

TEST_CASE("who matches no rule is told which key to change and what to type") {
  Gatehouse auth(with_rules());
  const auto decision = auth.decide(unix_request(nobody_uid - 5, 5), operating, 0);
  const auto& problem = std::get<Refusal>(decision).problem;
  CHECK_THAT(problem.detail,
             ContainsSubstring("admin.access") && ContainsSubstring("role: operate"));
  CHECK(problem.next == "sudo switchback rollback shop");
  CHECK(problem.exit_code == 4);
}

TEST_CASE("rules may name users and groups; names nobody bears match nobody and are reported") {
  const passwd* user = ::getpwuid(1);
  const group* of_user = ::getgrgid(1);
  REQUIRE(user != nullptr);
  REQUIRE(of_user != nullptr);
  config::Admin admin;
  admin.access = {{user->pw_name, "", Role::deploy},
                  {"", of_user->gr_name, Role::read},
                  {"no-such-user-here", "", Role::admin},
                  {"", "no-such-group-here", Role::admin}};
  Gatehouse auth(admin);
  CHECK(told(auth.decide(unix_request(1, 99), operating, 0)) ==
        "deploy as uid 1 (" + std::string(user->pw_name) + ")");
  CHECK_THAT(told(auth.decide(unix_request(nobody_uid, 1), reading, 0)),
             ContainsSubstring("read as"));
  CHECK(auth.people.access().warnings().size() == 2);
}

TEST_CASE("a token over the unix socket counts where it gives more than the peer has") {
  auto admin = with_rules();
  const auto token = people::make_token("ci");
  admin.tokens = {{"ci", Role::deploy, token.sha256}};
  Gatehouse auth(admin);
  auto request = unix_request(nobody_uid, 5);
  request.fields.emplace_back("Authorization", "Bearer " + token.text);
  CHECK(told(auth.decide(request, operating, 0)) == "deploy as token ci");
  CHECK_THAT(told(auth.decide(request, reading, 0)), ContainsSubstring("read as uid"));
}

TEST_CASE("TCP without tokens: reads from loopback with a loopback Host, changes for nobody") {
  Gatehouse auth{config::Admin{}};
  const Need open{Gate::open, Role::read, false, ""};
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:9900", "localhost", "LOCALHOST:9900", "[::1]", "[::1]:9900"}) {
    INFO(host);
    CHECK(told(auth.decide(tcp_request(true, host), reading, 0)) == "read as local");
  }
  for (const char* host :
       {"evil.example", "evil.example:9900", "localhost.evil.example", "127.0.0.1.evil", "",
        "127.0.0.1:x", "127.0.0.1:", "::1", "[::1]x", "localhost:1@evil", "0.0.0.0", "192.0.2.1"}) {
    INFO(host);
    CHECK(told(auth.decide(tcp_request(true, host), reading, 0)) == "403 foreign_host");
    CHECK(told(auth.decide(tcp_request(true, host), open, 0)) == "read as anybody");  // probes
  }
  CHECK(told(auth.decide(tcp_request(false, "10.42.0.17"), open, 0)) == "read as anybody");
  CHECK(told(auth.decide(tcp_request(false, "localhost"), reading, 0)) ==
        "401 tokens_not_configured");
  const auto change = auth.decide(tcp_request(true, "localhost"), operating, 0);
  CHECK(told(change) == "401 tokens_not_configured");
  CHECK_THAT(std::get<Refusal>(change).problem.next, ContainsSubstring("switchback token new"));
  CHECK(
      web::find_field(std::get<Refusal>(change).fields, "WWW-Authenticate").starts_with("Bearer"));
  // A token that is not configured helps nobody.
  CHECK(told(auth.decide(tcp_request(true, "localhost", "Bearer sbt_x_y"), operating, 0)) ==
        "401 tokens_not_configured");
}

TEST_CASE("TCP with tokens: the role of the token, for everything but probes and local metrics") {
  config::Admin admin;
  const auto reader = people::make_token("dash"), operate = people::make_token("oncall");
  admin.tokens = {{"dash", Role::read, reader.sha256}, {"oncall", Role::operate, operate.sha256}};
  Gatehouse auth(admin);
  const Need open{Gate::open, Role::read, false, ""}, metrics{Gate::metrics, Role::read, false, ""};
  const std::string r = "Bearer " + reader.text, o = "bearer  " + operate.text;
  CHECK(told(auth.decide(tcp_request(false, "x", r), reading, 0)) == "read as token dash");
  CHECK(told(auth.decide(tcp_request(false, "x", r), operating, 0)) == "403 role_too_low");
  CHECK(told(auth.decide(tcp_request(false, "x", o), operating, 0)) == "operate as token oncall");
  CHECK(told(auth.decide(tcp_request(true, "localhost"), reading, 0)) == "401 token_missing");
  CHECK(told(auth.decide(tcp_request(true, "localhost", "Bearer nonsense"), reading, 0)) ==
        "401 token_unknown");
  CHECK(told(auth.decide(tcp_request(true, "localhost", "Basic " + reader.text), reading, 0)) ==
        "401 token_unknown");
  CHECK(told(auth.decide(tcp_request(true, "localhost", "Bearer " + reader.text + "x"), reading,
                         0)) == "401 token_unknown");
  CHECK(told(auth.decide(tcp_request(false, "x"), open, 0)) == "read as anybody");
  CHECK(told(auth.decide(tcp_request(true, "localhost:9900"), metrics, 0)) == "read as local");
  CHECK(told(auth.decide(tcp_request(true, "evil.example"), metrics, 0)) == "401 token_missing");
  CHECK(told(auth.decide(tcp_request(false, "localhost"), metrics, 0)) == "401 token_missing");
  CHECK(told(auth.decide(tcp_request(false, "x", r), metrics, 0)) == "read as token dash");
}

TEST_CASE("a browser on another site changes nothing, with a token or without") {
  config::Admin admin;
  const auto token = people::make_token("ci");
  admin.tokens = {{"ci", Role::admin, token.sha256}};
  Gatehouse auth(admin);
  const auto with = [&](const char* name, const char* value, bool over_unix = false) {
    auto request = over_unix ? unix_request(0, 0)
                             : tcp_request(true, "localhost:9900", "Bearer " + token.text);
    request.fields.emplace_back(name, value);
    return request;
  };
  for (const bool over_unix : {false, true}) {
    CHECK(told(auth.decide(with("Origin", "http://evil.example", over_unix), operating, 0)) ==
          "403 cross_site");
    CHECK(told(auth.decide(with("Origin", "null", over_unix), operating, 0)) == "403 cross_site");
    CHECK(told(auth.decide(with("Sec-Fetch-Site", "cross-site", over_unix), operating, 0)) ==
          "403 cross_site");
    CHECK(told(auth.decide(with("Sec-Fetch-Site", "same-site", over_unix), operating, 0)) ==
          "403 cross_site");
  }
  CHECK(told(auth.decide(with("Origin", "http://localhost:9900"), operating, 0)) ==
        "admin as token ci");
  CHECK(told(auth.decide(with("Sec-Fetch-Site", "same-origin"), operating, 0)) ==
        "admin as token ci");
  CHECK(told(auth.decide(with("Origin", "http://evil.example"), reading, 0)) ==
        "admin as token ci");
}

TEST_CASE("wrong tokens are limited by address, right ones and the unix socket never") {
  config::Admin admin;
  const auto token = people::make_token("ci");
  admin.tokens = {{"ci", Role::operate, token.sha256}};
  Gatehouse auth(admin);
  const auto wrong = tcp_request(false, "x", "Bearer guess");
  for (unsigned i = 0; i < api::FailureLimit::per_minute; ++i) {
    CHECK(told(auth.decide(wrong, operating, 1000)) == "401 token_unknown");
  }
  const auto limited = auth.decide(wrong, operating, 2000);
  CHECK(told(limited) == "429 too_many_failures");
  CHECK(web::find_field(std::get<Refusal>(limited).fields, "Retry-After") == "60");
  CHECK(told(auth.decide(tcp_request(false, "x", "Bearer " + token.text), operating, 2000)) ==
        "operate as token ci");
  CHECK(told(auth.decide(unix_request(0, 0), operating, 2000)) == "admin as uid 0 (root)");
  CHECK(told(auth.decide(tcp_request(true, "x", "Bearer guess"), operating, 2000)) ==
        "401 token_unknown");
  CHECK(told(auth.decide(wrong, operating, 61'000'000'000)) == "401 token_unknown");
  CHECK(auth.counters().limited == 1);
}

TEST_CASE("the table of failures stays bounded") {
  api::FailureLimit limit;
  for (int i = 0; i < 5000; ++i) limit.note("192.0.2." + std::to_string(i), i);
  CHECK(limit.size() <= api::FailureLimit::most_addresses);
}

TEST_CASE("new rules and tokens hold from the next request on") {
  Gatehouse auth(with_rules());
  CHECK(told(auth.decide(unix_request(nobody_uid, 5), reading, 0)).starts_with("read"));
  auth.people.adopt(config::Admin{});
  CHECK(told(auth.decide(unix_request(nobody_uid, 5), reading, 0)) == "403 access_denied");
}

TEST_CASE("a token for one service changes that one only") {
  config::Admin admin;
  const auto token = people::make_token("ci");
  admin.tokens = {{"ci", Role::deploy, token.sha256, {}, {"shop"}}};
  Gatehouse auth(admin);
  const auto request = tcp_request(false, "x", "Bearer " + token.text);
  Need need;
  need.role = Role::operate;
  need.change = true;
  need.command = "switchback rollback shop";
  need.service = "shop";
  CHECK(told(auth.decide(request, need, 0)) == "deploy as token ci");
  need.service = "cart";
  const auto refused = auth.decide(request, need, 0);
  CHECK(told(refused) == "403 token_scope");
  CHECK_THAT(std::get<Refusal>(refused).problem.detail, ContainsSubstring("is for shop only"));
  CHECK(std::get<Refusal>(refused).actor == "token ci");
  need.service.clear();  // all services at once
  CHECK(told(auth.decide(request, need, 0)) == "403 token_scope");
  need.change = false;
  need.role = Role::read;
  CHECK(told(auth.decide(request, need, 0)) == "deploy as token ci");
}

TEST_CASE("who holds a token that has ended is told how and what to do") {
  config::Admin admin;
  const auto token = people::make_token("ci"), other = people::make_token("dash");
  admin.tokens = {{"ci", Role::deploy, token.sha256, {1'000'000, "1970-01-01"}, {}},
                  {"dash", Role::read, other.sha256}};
  Gatehouse auth(admin);
  const auto refused = auth.decide(tcp_request(false, "x", "Bearer " + token.text), operating, 0);
  CHECK(told(refused) == "401 token_expired");
  CHECK_THAT(std::get<Refusal>(refused).problem.next, ContainsSubstring("switchback token new"));

  const auto now = wall_us();
  const auto made = auth.people.tokens().make({"oncall", Role::operate, {}, 0, "test"}, now);
  const auto& text = std::get<people::MadeToken>(made).text;
  const auto ask = tcp_request(false, "x", "Bearer " + text);
  CHECK(told(auth.decide(ask, operating, 0)) == "operate as token oncall");
  auth.people.tokens().revoke("oncall", "uid 0 (root)", now);
  CHECK(told(auth.decide(ask, operating, 0)) == "401 token_revoked");
}

web::Request with_certificate(const std::string& name, std::int64_t expires_us,
                              const std::string& fault = "") {
  auto request = tcp_request(false, "x");
  request.peer.tls = true;
  request.peer.certificate = web::Peer::Certificate{{name}, fault, expires_us};
  return request;
}

TEST_CASE("client certificates are known by their names, while they hold") {
  config::Admin admin;
  admin.certificates = {{"dana@example.com", Role::operate}, {"dash.internal", Role::read}};
  Gatehouse auth(admin);
  const auto later = wall_us() + 1'000'000'000;
  CHECK(told(auth.decide(with_certificate("dana@example.com", later), operating, 0)) ==
        "operate as certificate dana@example.com");
  CHECK(told(auth.decide(with_certificate("dash.internal", later), operating, 0)) ==
        "403 role_too_low");
  CHECK(told(auth.decide(with_certificate("li@example.com", later), operating, 0)) ==
        "403 certificate_unknown");
  CHECK(told(auth.decide(with_certificate("dana@example.com", later, "self-signed"), operating,
                         0)) == "401 certificate_refused");
  CHECK(told(auth.decide(with_certificate("dana@example.com", 1), operating, 0)) ==
        "401 certificate_refused");
  // A wrong token beside a right certificate locks nobody out.
  auto both = with_certificate("dana@example.com", later);
  both.fields.emplace_back("Authorization", "Bearer sbt_old_00");
  CHECK(told(auth.decide(both, operating, 0)) == "operate as certificate dana@example.com");
  // Where certificates are the only way in, a stranger on loopback is one too.
  CHECK(told(auth.decide(tcp_request(true, "localhost"), reading, 0)) == "401 token_missing");
}

TEST_CASE("whoever asks in a loop is slowed down, save in rolling back") {
  config::Admin admin;
  const auto token = people::make_token("ci"), other = people::make_token("oncall");
  admin.tokens = {{"ci", Role::deploy, token.sha256}, {"oncall", Role::operate, other.sha256}};
  Gatehouse auth(admin);
  const auto request = tcp_request(false, "x", "Bearer " + token.text);
  Need rollback = operating;
  rollback.change = rollback.rollback = true;
  for (int i = 0; i < static_cast<int>(api::PrincipalLimit::burst); ++i)
    REQUIRE(told(auth.decide(request, reading, 1)) == "deploy as token ci");
  CHECK(told(auth.decide(request, reading, 1)) == "429 too_many_requests");
  for (int i = 0; i < 1000; ++i)
    REQUIRE(told(auth.decide(request, rollback, 1)) == "deploy as token ci");
  CHECK(told(auth.decide(tcp_request(false, "x", "Bearer " + other.text), reading, 1)) ==
        "operate as token oncall");
  CHECK(told(auth.decide(request, reading, 1 + 20'000'000)) == "deploy as token ci");
  CHECK(told(auth.decide(unix_request(0, 0), reading, 1)) == "admin as uid 0 (root)");
}

TEST_CASE("the table of principals' limits forgets before it grows") {
  api::PrincipalLimit limit;
  for (std::size_t i = 0; i < 3 * api::PrincipalLimit::most_principals; ++i)
    limit.take("p" + std::to_string(i), static_cast<Nanos>(i));
  CHECK(limit.size() <= api::PrincipalLimit::most_principals);
}

TEST_CASE("tokens: shape, hash, no two alike") {
  const auto a = people::make_token("CI_deploy bot"), b = people::make_token("CI_deploy bot");
  CHECK(a.text.starts_with("sbt_cideploybot_"));
  CHECK(a.text.size() == std::string("sbt_cideploybot_").size() + 64);
  CHECK(a.text != b.text);
  CHECK(a.sha256 == people::sha256_hex(a.text));
  CHECK(people::make_token("!!").text.starts_with("sbt_token_"));
  CHECK(people::sha256_hex("abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(people::equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(people::equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(people::equal_in_constant_time("abc", "abcd"));
}

}  // namespace
}  // namespace switchback
