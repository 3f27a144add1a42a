// The crash table: the program is killed at every point of a switch, and started again over what is
// left (docs/releases.md, "What a crash leaves").
#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

namespace fs = std::filesystem;

std::string crashing_program() {
  return (fs::path(switchback_program()).parent_path() / "tests/switchback_crashing").string();
}

// A shop that dies at `point` once the file `now` exists.
struct Doomed {
  explicit Doomed(const std::string& point, const std::string& more = "")
      : instance(options(point, more)) {
    instance.wait_until_checked();
  }
  InstanceOptions options(const std::string& point, const std::string& more) const {
    InstanceOptions out{.blue = {blue.address()}, .green = {green.address()}};
    out.service_more = more;
    out.program = crashing_program();
    out.environment = {"CRASH_AT=" + point, "CRASH_WHEN=" + marks / "now",
                       "STALL_WHILE=" + marks / "stall"};
    return out;
  }
  void arm() const { marks.write("now", ""); }
  void end_and_start() {
    REQUIRE(instance.process->wait() == 128 + SIGKILL);
    fs::remove(marks / "now");
    fs::remove(marks / "stall");
    instance.start();
    instance.wait_until_checked();
  }
  boost::json::object status() const {
    return json_of(instance.cli({"status", "shop", "--json"}).out);
  }
  boost::json::object newest_flip() const {
    const auto flips = json_of(instance.cli({"history", "shop", "--json"}).out);
    const auto& list = flips.at("flips").as_array();
    return list.empty() ? boost::json::object() : list.front().as_object();
  }
  // A call whose answer cannot come.
  void call_that_dies(const std::string& verb, const std::string& body, const std::string& key) {
    RawClient client("unix:" + instance.socket());
    client.send("POST /v1/services/shop/" + verb + " HTTP/1.1\r\nHost: x\r\nIdempotency-Key: " +
                key + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(instance.process->wait() == 128 + SIGKILL);
  }

  TestServer blue{"blue"}, green{"green"};
  TempDir marks;
  Instance instance;
};

std::string tag_of(const boost::json::object& receipt) {
  const auto* tags = receipt.if_contains("tags");
  return tags ? std::string(tags->as_array().at(0).as_string()) : "";
}

const std::string to_green = R"({"to":"green","reason":"release 1.3"})";

}  // namespace

TEST_CASE("killed before anything was written: the old color, and nothing is told") {
  Doomed shop("requested");
  shop.arm();
  shop.call_that_dies("flips", to_green, "k1");
  shop.end_and_start();
  CHECK(shop.instance.who_answers() == "blue");
  CHECK(shop.newest_flip().empty());
}

TEST_CASE("killed after the decision: the old color, and history says that nothing moved") {
  Doomed shop("decided");
  shop.arm();
  shop.call_that_dies("flips", to_green, "k1");
  shop.end_and_start();
  CHECK(shop.instance.who_answers() == "blue");
  const auto receipt = shop.newest_flip();
  CHECK(receipt.at("state") == "failed_before_switch");
  CHECK(tag_of(receipt) == "failed_before_switch");
  CHECK(receipt.at("moved") == false);
  CHECK(receipt.at("reason") == "release 1.3");
  CHECK_THAT(std::string(receipt.at("actor").as_string()), ContainsSubstring("uid "));
  CHECK_THAT(shop.instance.cli({"history", "shop"}).out, ContainsSubstring("failed_before_switch"));
  CHECK(shop.status().at("last_flip").is_null());  // none took place
  // Said once: another restart tells nothing new.
  shop.instance.process->signal(SIGKILL);
  shop.end_and_start();
  CHECK(
      json_of(shop.instance.cli({"history", "shop", "--json"}).out).at("flips").as_array().size() ==
      1);
  // The same command under the same key is carried out now, once.
  const auto again =
      shop.instance.cli({"flip", "shop", "--to", "green", "--idempotency-key", "k1"});
  CHECK(again.code == 0);
  CHECK(shop.instance.who_answers() == "green");
}

TEST_CASE("killed between the slot and the switch: the new color, resumed") {
  for (const std::string point : {"run_slot", "persisted", "stored"}) {
    INFO(point);
    Doomed shop(point);
    shop.arm();
    shop.call_that_dies("flips", to_green, "k1");
    shop.end_and_start();
    CHECK(shop.instance.who_answers() == "green");
    const auto receipt = shop.newest_flip();
    CHECK(tag_of(receipt) == "resumed");
    CHECK(receipt.at("moved") == true);
    CHECK(receipt.at("epoch") == 2);
    CHECK(receipt.at("reason") == "release 1.3");
    CHECK(shop.status().at("rollback_target") == "blue");
    // Asked again under its key, it answers what was done.
    RawClient client("unix:" + shop.instance.socket());
    client.send(
        "POST /v1/services/shop/flips HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k1\r\n"
        "Content-Length: " +
        std::to_string(to_green.size()) + "\r\n\r\n" + to_green);
    const auto response = client.read_response();
    CHECK(response.status == 200);
    CHECK(json_of(response.body).at("flip") == receipt.at("flip"));
    CHECK(shop.status().at("epoch") == 2);
  }
}

TEST_CASE("killed after the answer, before the ledger: the answered color, recovered") {
  Doomed shop("answered");
  shop.arm();
  shop.call_that_dies("flips", to_green, "k1");
  shop.end_and_start();
  CHECK(shop.instance.who_answers() == "green");
  const auto receipt = shop.newest_flip();
  CHECK(tag_of(receipt) == "recovered");
  CHECK(receipt.at("reason") == "release 1.3");
  CHECK(receipt.at("epoch") == 2);
  // And the way back is there.
  CHECK(went_back(shop.instance.cli({"rollback", "shop"})));
  CHECK(shop.instance.who_answers() == "blue");
}

TEST_CASE("a rollback killed at any point is where it said or was told to go") {
  for (const std::string point : {"decided", "run_slot", "persisted", "stored", "answered"}) {
    INFO(point);
    Doomed shop(point);
    REQUIRE(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
    shop.arm();
    shop.call_that_dies("rollback", "", "k1");
    shop.end_and_start();
    const bool moved = point != "decided";
    CHECK(shop.instance.who_answers() == (moved ? "blue" : "green"));
    CHECK(shop.newest_flip().at("moved") == moved);
    // Pressed again, it is there, whatever was the matter.
    CHECK(went_back(shop.instance.cli({"rollback", "shop"})));
    CHECK(shop.instance.who_answers() == "blue");
    CHECK(shop.status().at("rollback_target").is_null());
  }
}

TEST_CASE("a rollback that did not wait for the disk keeps its color over a kill") {
  Doomed shop("none");
  REQUIRE(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  shop.marks.write("stall", "");
  const auto back = shop.instance.cli({"rollback", "shop", "--json", "--wait", "switched"});
  CHECK(back.code == 33);
  CHECK(json_of(back.out).at("durable") == false);
  shop.instance.process->signal(SIGKILL);
  shop.end_and_start();
  CHECK(shop.instance.who_answers() == "blue");
  // What the disk was owed is made good.
  REQUIRE(until([&] {
    return shop.instance.cli({"status", "--json"}).out.find("state_not_durable") ==
           std::string::npos;
  }));
}

TEST_CASE("killed while draining: the new color, the receipt kept, the key too") {
  Doomed shop("none");
  RawClient held(shop.instance.address);
  held.send("GET /hold HTTP/1.1\r\nHost: shop\r\n\r\n");
  REQUIRE(until([&] { return shop.blue.seen().size() > 0; }));
  const auto flip = json_of(shop.instance
                                .cli({"flip", "shop", "--to", "green", "--json", "--wait",
                                      "switched", "--idempotency-key", "k1"})
                                .out);
  REQUIRE(flip.at("counts").at("request").at("accepted") == 1);
  // The ledger has it: killed now, nothing has to be pieced together.
  REQUIRE(until([&] {
    return run({"sqlite3", shop.instance.folder.file("state/ledger.db"),
                "SELECT count(*) FROM flip, idempotency"})
               .out == "1\n";
  }));
  shop.instance.process->signal(SIGKILL);
  shop.end_and_start();
  CHECK(shop.instance.who_answers() == "green");
  const auto receipt = shop.newest_flip();
  CHECK(receipt.at("flip") == flip.at("flip"));
  CHECK(tag_of(receipt) == "resumed");
  // The key survived: what was answered is answered again, and going back does not wake it.
  REQUIRE(went_back(shop.instance.cli({"rollback", "shop"})));
  const auto again =
      shop.instance.cli({"flip", "shop", "--to", "green", "--json", "--idempotency-key", "k1"});
  CHECK(json_of(again.out).at("flip") == flip.at("flip"));
  CHECK(shop.instance.who_answers() == "blue");
}

TEST_CASE("states of releases follow what survived") {
  for (const std::string point : {"stored", "answered"}) {
    INFO(point);
    Doomed shop(point);
    REQUIRE(shop.instance.cli({"release", "add", "shop", "v1.2", "--color", "blue"}).code == 0);
    REQUIRE(shop.instance.cli({"release", "add", "shop", "v1.3", "--color", "green"}).code == 0);
    REQUIRE(until([&] {
      return run({"sqlite3", shop.instance.folder.file("state/ledger.db"),
                  "SELECT count(*) FROM release WHERE state IN ('active','fit')"})
                 .out == "2\n";
    }));
    shop.arm();
    shop.call_that_dies("flips", to_green, "k1");
    shop.end_and_start();
    const auto state = [&](const char* version) {
      return json_of(shop.instance.cli({"release", "show", "shop", version, "--json"}).out)
          .at("state");
    };
    CHECK(state("v1.3") == "active");
    REQUIRE(until([&] { return state("v1.2") == "standby_fit"; }));
  }
}

namespace {

// Whatever the ledger is like: the program starts, traffic flows, both ways work.
void works(const Instance& instance) {
  CHECK(instance.who_answers() == "blue");
  CHECK(instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  CHECK(instance.who_answers() == "green");
  CHECK(went_back(instance.cli({"rollback", "shop"})));
  CHECK(instance.who_answers() == "blue");
}

struct Kept {
  TestServer blue{"blue"}, green{"green"};
  Instance instance{{.blue = {blue.address()}, .green = {green.address()}}};
  Kept() {
    instance.wait_until_checked();
    works(instance);
  }
  void end() {
    instance.process->signal(SIGTERM);
    REQUIRE(instance.process->wait() == 0);
  }
  void start() {
    instance.start();
    instance.wait_until_checked();
  }
  std::string ledger() const { return instance.folder.file("state/ledger.db"); }
  std::string said() const { return instance.cli({"status"}).out; }
};

}  // namespace

TEST_CASE("a corrupt ledger is kept aside and a new one begun; the alarm says what is lost") {
  Kept kept;
  kept.end();
  kept.instance.folder.write("state/ledger.db", "this was a ledger once");
  fs::remove(kept.ledger() + "-wal");
  kept.start();
  CHECK_THAT(kept.said(), ContainsSubstring("ALARM ledger_corrupt"));
  CHECK_THAT(kept.said(), ContainsSubstring("earlier flips and idempotency keys are only there"));
  works(kept.instance);
  std::size_t aside = 0;
  for (const auto& file : fs::directory_iterator(kept.instance.folder.file("state")))
    aside += file.path().filename().string().starts_with("ledger.db.corrupt-");
  CHECK(aside == 1);
  kept.end();
  // The one just made, and the newest of before, which the run folder still knew.
  CHECK(run({"sqlite3", kept.ledger(), "SELECT count(*) FROM flip WHERE kind='rollback'"}).out ==
        "2\n");
}

TEST_CASE("a missing ledger costs history, not the way back") {
  Kept kept;
  REQUIRE(kept.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  kept.end();
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(kept.ledger() + suffix);
  kept.start();
  CHECK(kept.instance.who_answers() == "green");
  CHECK(went_back(kept.instance.cli({"rollback", "shop"})));
  CHECK(kept.instance.who_answers() == "blue");
}

TEST_CASE("a ledger of a newer switchback is used as it is") {
  Kept kept;
  kept.end();
  REQUIRE(run({"sqlite3", kept.ledger(),
               "UPDATE meta SET value='99'; ALTER TABLE flip ADD COLUMN newer TEXT DEFAULT 'x'; "
               "CREATE TABLE of_the_future(a)"})
              .code == 0);
  kept.start();
  CHECK(
      json_of(kept.instance.cli({"history", "shop", "--json"}).out).at("flips").as_array().size() ==
      2);
  works(kept.instance);
  CHECK_FALSE(ContainsSubstring("ALARM").match(kept.said()));
}

TEST_CASE("a ledger that cannot be written is an alarm, and is made good") {
  Kept kept;
  kept.end();
  // In its place stands a folder: nobody, root neither, can open that as a file.
  fs::rename(kept.ledger(), kept.ledger() + ".away");
  fs::create_directory(kept.ledger());
  kept.start();
  CHECK_THAT(kept.said(), ContainsSubstring("ALARM ledger_unwritable"));
  works(kept.instance);
  fs::remove(kept.ledger());
  fs::rename(kept.ledger() + ".away", kept.ledger());
  REQUIRE(until([&] {
    return run({"sqlite3", kept.ledger(), "SELECT count(*) FROM flip"}).out == "4\n";
  }));
  REQUIRE(until([&] { return kept.said().find("ledger_unwritable") == std::string::npos; }));
}
