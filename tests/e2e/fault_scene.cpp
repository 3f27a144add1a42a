#include "tests/e2e/fault_scene.hpp"

#include <sqlite3.h>

#include <cstdlib>

#include "tests/support/certificates.hpp"

namespace switchback::test {

namespace {

constexpr std::uint64_t settled_load = 60;  // answers before, and between, the steps of a case

// Doors wants an authority even where nobody comes by TLS.
const Authority& authority() {
  static const Authority made;
  return made;
}

// Whether the ledger has the flip with all that is known of it by then.
bool ledger_has(const std::string& path, const std::string& flip) {
  sqlite3* db = nullptr;
  sqlite3_stmt* query = nullptr;
  bool found = false;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
      sqlite3_prepare_v2(db,
                         "SELECT count(*) FROM flip WHERE id = ? AND durable = 1 AND t_decided "
                         "NOT NULL AND t_persisted NOT NULL AND t_switched NOT NULL AND "
                         "t_first_new NOT NULL AND t_drained NOT NULL",
                         -1, &query, nullptr) == SQLITE_OK) {
    sqlite3_bind_text(query, 1, flip.c_str(), -1, SQLITE_TRANSIENT);
    found = sqlite3_step(query) == SQLITE_ROW && sqlite3_column_int(query, 0) == 1;
  }
  sqlite3_finalize(query);
  sqlite3_close(db);
  return found;
}

}  // namespace

FaultScene::FaultScene(std::string fault, FaultOptions options)
    : instance(prepared(options)), crowd_(options.crowd) {
  row.fault = std::move(fault);
}

InstanceOptions FaultScene::prepared(FaultOptions options) const {
  InstanceOptions& out = options.instance;
  if (out.blue.empty()) out.blue = {blue.address()};
  if (out.green.empty()) out.green = {green.address()};
  out.state_dir = state_dir();
  // Flips of a test follow each other closely: a rehearsal in between says nothing here.
  if (out.more.find("log:") == std::string::npos)
    out.more += "log: { access: json, path: access.log }\n";
  if (options.faulty_machine) {
    const auto more = machine.environment(disk.path());
    out.environment.insert(out.environment.end(), more.begin(), more.end());
  }
  return out;
}

void FaultScene::begin() {
  instance.wait_until_checked();
  doors_ = std::make_unique<Doors>(Doors::Addresses{instance.address, "", ""}, authority().ca());
  storm_ = std::make_unique<Storm>(*doors_, nobody_);
  const bool promoted = status().at("active").as_string() == "green";
  storm().set_stage(promoted ? "green" : "blue");
  storm().start_flat_out(crowd_);
  REQUIRE(storm().wait_for_answers(settled_load));
  if (promoted) return;
  expect_any();
  const AdminAnswer answer = flip_to(instance.socket(), "green", "?wait=drained");
  INFO(boost::json::serialize(answer.body));
  REQUIRE(answer.status == 200);
  expect("green");
  REQUIRE(storm().wait_for_answers(settled_load));
}

void FaultScene::roll_back() {
  expect_any();
  const Moment begun = std::chrono::steady_clock::now();
  const AdminAnswer answer = admin_call(instance.socket(), "POST", "/v1/services/shop/rollback");
  const double took = ms_since(begun);
  INFO(boost::json::serialize(answer.body));
  REQUIRE(answer.status == 200);
  REQUIRE(answer.body.at("state").as_string() != "switching");
  expect("blue");
  note(answer.body, took);
}

void FaultScene::flip_on(unsigned times) {
  expect_any();
  for (unsigned i = 0; i < 2 * times; ++i) {
    const AdminAnswer answer = flip_to(instance.socket(), i % 2 ? "blue" : "green");
    INFO(boost::json::serialize(answer.body));
    REQUIRE(answer.status == 200);
    REQUIRE(answer.body.at("moved").as_bool());
  }
  expect("blue");
}

void FaultScene::note(const boost::json::object& said, double answer_ms) {
  INFO(boost::json::serialize(said));
  REQUIRE(said.at("to").as_string() == "blue");
  REQUIRE(said.at("moved").as_bool());
  flip_ = said.at("flip").as_string();
  row.answer_ms = answer_ms;
  row.durable = said.at("durable").as_bool();
  row.switched_ms = said.at("stages_ms").as_object().at("switched").to_number<double>();
  for (const auto& warning : said.at("warnings").as_array()) {
    const std::string text(warning.as_string());
    row.reported.insert("\"" + text.substr(0, text.find(':')) + "\"");
  }
}

std::set<std::string> FaultScene::alarms() const {
  std::set<std::string> codes;
  const auto answer = admin_call(instance.socket(), "GET", "/v1/services").body;
  for (const auto& alarm : answer.at("alarms").as_array())
    codes.emplace(alarm.as_object().at("code").as_string());
  return codes;
}

void FaultScene::expect_alarm(const std::string& code) {
  INFO(row.fault << ": alarm " << code);
  REQUIRE(until([&] { return alarms().contains(code); }));
  row.reported.insert(code);
}

void FaultScene::expect_cleared(const std::string& code) {
  INFO(row.fault << ": alarm " << code << " is over");
  REQUIRE(until([&] { return !alarms().contains(code); }));
}

boost::json::object FaultScene::receipt() const {
  return admin_call(instance.socket(), "GET", "/v1/flips/" + flip_).body;
}

boost::json::object FaultScene::status() const {
  return admin_call(instance.socket(), "GET", "/v1/services/shop").body;
}

std::size_t FaultScene::unhealthy() const {
  std::size_t found = 0;
  const auto now = status();
  for (const auto& [color, pool] : now.at("pools").as_object()) {
    for (const auto& server : pool.as_object().at("servers").as_array()) {
      const auto* healthy = server.as_object().at("healthy").if_bool();
      found += healthy && !*healthy;
    }
  }
  return found;
}

void FaultScene::made_good(const std::string& also) {
  INFO(row.fault << ": " << boost::json::serialize(receipt()));
  REQUIRE(until([&] {
    const auto now = receipt();
    return now.at("durable").as_bool() && now.at("stages_ms").as_object().contains("drained");
  }));
  REQUIRE(until([&] { return ledger_has(ledger(), flip_); }));
  row.made_good = row.durable ? "ledger row" : "slot, ledger row";
  if (!also.empty()) row.made_good += ", " + also;
}

void FaultScene::finish() {
  REQUIRE(storm().wait_for_answers(settled_load));
  storm().stop();
  row.answered = storm().answers();
  row.failed = storm().failed();
  row.stale = storm().stale();
  add_to_fault_table(row);
  std::string complaints = row.fault;
  for (const std::string& complaint : storm().complaints()) complaints += "\n" + complaint;
  INFO(complaints);
  CHECK(row.failed == 0);
  CHECK(row.stale == 0);
  CHECK(instance.who_answers().starts_with("blue"));
}

bool long_run() {
  const char* text = std::getenv("SWITCHBACK_FLIPS");
  return text && std::stoul(text) >= 1000;
}

void repeatedly(const std::function<void()>& row) {
  for (unsigned left = long_run() ? 8 : 1; left > 0; --left) row();
}

double ms_since(Moment begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
      .count();
}

}  // namespace switchback::test
