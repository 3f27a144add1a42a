// Who is on call, from files that people and programs write.
#include "admin/people/on_call.hpp"

#include "config/dates.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::people {
namespace {

std::int64_t at(std::string_view text) {
  return std::get<config::Instant>(config::parse_instant(text)).wall_us;
}

TEST_CASE("one shift, or a list of them") {
  const auto one = parse_rota(R"({"name": "dana", "until": "2027-01-31T08:00:00Z"})");
  CHECK(one.fault == "");
  CHECK(one.now(at("2027-01-31T07:59:59Z")) == std::vector<std::string>{"dana"});
  CHECK(one.now(at("2027-01-31T08:00:00Z")).empty());

  const auto list = parse_rota(R"([
    {"name": "dana", "from": "2027-01-01T00:00:00Z", "until": "2027-01-08T00:00:00Z"},
    {"name": "li", "from": "2027-01-07T23:00:00+01:00", "until": null},
    {"name": "dana"}])");
  CHECK(list.fault == "");
  CHECK(list.now(at("2027-01-02")) == std::vector<std::string>{"dana"});
  CHECK(list.now(at("2027-01-09")) == std::vector<std::string>{"li", "dana"});
  CHECK(parse_rota("[]").now(1).empty());
}

TEST_CASE("a faulty file says nobody, and why") {
  for (const char* text : {"", "{", "7", "{\"name\": 7}", "[{\"until\": \"2027-01-01\"}]",
                           "{\"name\": \"dana\", \"until\": \"tomorrow\"}", "{\"name\": \"\"}"}) {
    INFO(text);
    const auto rota = parse_rota(text);
    CHECK(rota.fault != "");
    CHECK(rota.now(1).empty());
  }
  const test::TempDir dir;
  CHECK(read_rota(dir / "none.json").fault == "it cannot be read");
  dir.write("big.json", std::string(1024 * 1024 + 1, ' '));
  CHECK(read_rota(dir.file("big.json")).fault == "it is larger than 1 MiB");
  dir.write("oncall.json", R"({"name": "dana"})");
  CHECK(read_rota(dir.file("oncall.json")).now(5) == std::vector<std::string>{"dana"});
}

TEST_CASE("dates as people write them") {
  CHECK(at("2027-01-31") == at("2027-02-01T00:00:00Z"));  // to the end of that day
  CHECK(at("2027-01-31T12:00:00+02:00") == at("2027-01-31T10:00:00Z"));
  CHECK(at("2027-01-31t12:00:00.25z") == at("2027-01-31T12:00:00Z"));
  CHECK(at("2028-02-29") > 0);
  CHECK(config::format_instant(at("2027-01-31T12:30:05Z")) == "2027-01-31T12:30:05Z");
  for (const char* text : {"", "2027", "2027-13-01", "2027-02-29", "2027-06-31", "2027-1-1",
                           "2027-01-31T25:00:00Z", "2027-01-31T12:00:00", "2027-01-31T12:00Z",
                           "2027-01-31x", "31.1.2027", "2027-01-31T12:00:00+2", "30d"}) {
    INFO(text);
    CHECK(std::holds_alternative<config::Fault>(config::parse_instant(text)));
  }
}

}  // namespace
}  // namespace switchback::people
