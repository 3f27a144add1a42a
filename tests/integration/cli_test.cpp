// What the command line says and which exit code it ends with, without a server or against a
// scripted one.
#include <atomic>
#include <mutex>
#include <set>

#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

const char* valid_config = R"(listeners:
  - bind: 127.0.0.1:0
services:
  shop:
    blue: { servers: ["127.0.0.1:9001"] }
    green: { servers: ["127.0.0.1:9101"] }
admin:
  socket: admin.sock
state_dir: state
)";

std::string http(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

const char* service_json =
    R"({"service":"shop","active":"blue","epoch":7,"releases":{"blue":"v1.2","green":"v1.3"},)"
    R"("pools":{},"last_flip":null})";
const char* receipt_json =
    R"({"flip":"01JD0000000000000000000000","kind":"promote","service":"shop",)"
    R"("from":"blue","to":"green","epoch":8,"state":"drained","moved":true,)"
    R"("already":false,"durable":true,"stages_ms":{},"counts":{}})";

// An admin plane that answers reads, and drops the first `lose` POSTs after reading them whole.
class ForgetfulAdmin {
 public:
  explicit ForgetfulAdmin(unsigned lose) : lose_(lose) {
    TestServerOptions options;
    options.raw = [this](RawClient& client) { serve(client); };
    server_ = std::make_unique<TestServer>(std::move(options));
  }
  std::string address() const { return "http://" + server_->address(); }
  std::set<std::string> keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }
  unsigned posts() const { return posts_; }
  std::string if_match() const {
    const std::lock_guard lock(mutex_);
    return if_match_;
  }

 private:
  static std::string field(const std::string& head, const std::string& name) {
    const auto at = head.find(name + ": ");
    return at == std::string::npos ? "" : head.substr(at, head.find('\r', at) - at);
  }

  void serve(RawClient& client) {
    for (;;) {
      const auto head = client.read_head();
      const auto length = field(head, "Content-Length");
      if (!length.empty()) client.read_exact(std::stoul(length.substr(16)));
      if (head.starts_with("GET")) {
        client.send(http("200 OK", service_json));
        continue;
      }
      {
        const std::lock_guard lock(mutex_);
        keys_.insert(field(head, "Idempotency-Key"));
        if_match_ = field(head, "If-Match");
      }
      if (++posts_ <= lose_) return client.close();
      client.send(http("200 OK", receipt_json));
    }
  }

  unsigned lose_;
  std::atomic<unsigned> posts_{0};
  mutable std::mutex mutex_;
  std::set<std::string> keys_;
  std::string if_match_;
  std::unique_ptr<TestServer> server_;
};

}  // namespace

TEST_CASE("check tells every fault with its place, all at once") {
  const TempDir folder;
  SECTION("a valid file") {
    const auto said = command({"check", "--config", folder.write("ok.yaml", valid_config)});
    CHECK(said.code == 0);
    CHECK_THAT(said.out, ContainsSubstring("valid; 1 listener, 1 service"));
  }
  SECTION("a faulty file") {
    const auto file =
        folder.write("bad.yaml",
                     "listeners:\n  - bind: nowhere\nservices:\n  shop:\n    blu: {}\n"
                     "workers: 010\n");
    const auto said = command({"check", "--config", file});
    CHECK(said.code == 2);
    CHECK_THAT(said.err, ContainsSubstring(file + ":2:"));
    CHECK_THAT(said.err, ContainsSubstring(file + ":5:5: "));
    CHECK_THAT(said.err, ContainsSubstring("blue"));
    CHECK_THAT(said.err, ContainsSubstring(file + ":6:"));
    const auto as_json = json_of(command({"check", "--config", file, "--json"}).out);
    CHECK(as_json.at("valid").as_bool() == false);
    CHECK(as_json.at("diagnostics").as_array().size() >= 3);
  }
  SECTION("a file that is not there") {
    const auto said = command({"check", "--config", folder / "none.yaml"});
    CHECK(said.code == 2);
    CHECK_THAT(said.err, ContainsSubstring("none.yaml"));
  }
}

TEST_CASE("init writes a configuration that check accepts, and never over another") {
  const TempDir folder;
  const auto where = folder / "new";
  REQUIRE(command({"init", where}).code == 0);
  const auto file = where + "/switchback.yaml";
  CHECK(command({"check", "--config", file}).code == 0);

  std::ofstream(file) << "mine";
  const auto again = command({"init", where});
  CHECK(again.code == 2);
  CHECK_THAT(again.err, ContainsSubstring("File exists"));
  CHECK(folder.read("new/switchback.yaml") == "mine");
}

TEST_CASE("wrong arguments are exit 2, and every command has help with an example") {
  CHECK(command({}).code == 2);
  CHECK(command({"flop"}).code == 2);
  CHECK(command({"serve"}).code == 2);
  CHECK(command({"flip", "shop", "--wait", "forever"}).code == 2);
  CHECK(command({"token", "new", "Not A Name"}).code == 2);
  CHECK(command({"status", "--admin", "http://no port"}).code == 2);
  CHECK(command({"--help"}).code == 0);
  for (const char* verb : {"serve", "check", "init", "demo", "status", "history", "healthcheck",
                           "flip", "rollback", "pause", "resume", "token", "events", "version"}) {
    const auto said = command({verb, "--help"});
    CHECK(said.code == 0);
    CHECK_THAT(said.out, ContainsSubstring("Example:"));
  }
}

TEST_CASE("nobody there is exit 3, and says that nothing moved") {
  const TempDir folder;
  const auto socket = folder / "none.sock";
  for (const char* verb : {"flip", "rollback", "status", "history", "pause", "events"}) {
    const auto said = command({verb, "--admin", socket});
    CHECK(said.code == 3);
    CHECK_THAT(said.err, ContainsSubstring("traffic did not move"));
    CHECK_THAT(said.err, ContainsSubstring(socket));
  }
  const RefusingPort port;
  const auto said = command({"rollback", "shop", "--json", "--admin", "http://" + port.address()});
  CHECK(said.code == 3);
  CHECK(json_of(said.out).at("moved").as_bool() == false);
  CHECK(command({"healthcheck", "--admin", socket}).code == 1);
  // The environment names it as well as the option.
  CHECK(command({"status"}, {"SWITCHBACK_ADMIN=" + socket}).code == 3);
}

TEST_CASE("a lost answer is asked for again with the same key, and the flip counts as done") {
  ForgetfulAdmin admin(2);
  const auto said = command({"flip", "shop", "--admin", admin.address()});
  CHECK(said.code == 0);
  CHECK_THAT(said.out, ContainsSubstring("Traffic moved: GREEN is active."));
  CHECK(admin.posts() == 3);
  CHECK(admin.keys().size() == 1);
  CHECK(admin.if_match() == "If-Match: \"7\"");
}

TEST_CASE("an answer that stays lost is exit 5, with the command that is safe to repeat") {
  ForgetfulAdmin admin(1000);
  const auto said = command({"flip", "shop", "--reason", "it's new", "--admin", admin.address()});
  CHECK(said.code == 5);
  CHECK_THAT(said.err, ContainsSubstring("NOT KNOWN"));
  CHECK_THAT(said.err,
             ContainsSubstring("next: switchback flip shop --to green --reason 'it'\\''s new' "
                               "--idempotency-key "));
  REQUIRE(admin.keys().size() == 1);
  const auto key_field = *admin.keys().begin();
  CHECK_THAT(said.err, ContainsSubstring(key_field.substr(key_field.find('"') + 1, 32)));

  const auto as_json = command({"rollback", "shop", "--json", "--admin", admin.address()});
  CHECK(as_json.code == 5);
  CHECK(json_of(as_json.out).if_contains("moved") == nullptr);
}

TEST_CASE("what is no admin plane is told apart") {
  TestServerOptions options;
  options.raw = [](RawClient& client) {
    client.read_head();
    client.send("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  };
  const TestServer server(std::move(options));
  const auto said = command({"status", "--admin", "http://" + server.address()});
  CHECK(said.code == 10);
  CHECK_THAT(said.err, ContainsSubstring("is this a switchback admin address?"));
}

TEST_CASE("a new token is printed once, with the line for the configuration") {
  const auto said = command({"token", "new", "ci", "--role", "deploy"});
  REQUIRE(said.code == 0);
  CHECK(said.out.starts_with("sbt_ci"));
  CHECK_THAT(said.err, ContainsSubstring("{ name: ci, role: deploy, sha256: "));
  CHECK(said.err.find(said.out.substr(0, said.out.size() - 1)) == std::string::npos);
  CHECK(command({"token", "new", "ci"}).out != said.out);
}
