#include "config/units.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::config;
using namespace std::chrono_literals;

namespace {

template <typename T>
std::string fault_of(const Parsed<T>& parsed) {
  const auto* fault = std::get_if<Fault>(&parsed);
  return fault ? fault->message + " (" + fault->hint + ")" : "no fault";
}

}  // namespace

TEST_CASE("durations are read with their unit") {
  const std::pair<const char*, Duration> cases[] = {{"0", 0ms},  {"0s", 0ms},  {"250ms", 250ms},
                                                    {"5s", 5s},  {"1m", 1min}, {"24h", 24h},
                                                    {"5 s", 5s}, {"2d", 48h},  {"365d", 8760h}};
  for (const auto& [text, value] : cases) {
    INFO(text);
    const auto parsed = parse_duration(text);
    REQUIRE(std::holds_alternative<Duration>(parsed));
    CHECK(std::get<Duration>(parsed) == value);
  }
}

TEST_CASE("durations without a unit, with a foreign one or out of range are faults with a mend") {
  CHECK(fault_of(parse_duration("5")) == "\"5\" has no unit (write 5s or 5ms)");
  CHECK(fault_of(parse_duration("5sec")) == "\"5sec\" is not a duration (did you mean 5s?)");
  CHECK(fault_of(parse_duration("5MIN")) == "\"5MIN\" is not a duration (did you mean 5m?)");
  CHECK(fault_of(parse_duration("3days")) == "\"3days\" is not a duration (did you mean 3d?)");
  CHECK(fault_of(parse_duration("5KiB")) ==
        "\"5KiB\" is not a duration (for example 250ms, 5s, 1m, 1h or 1d)");
  CHECK(fault_of(parse_duration("05s")) ==
        "\"05s\" has a leading zero, which YAML reads as an octal number (write 5s)");
  CHECK_THAT(fault_of(parse_duration("9223372036854775807h")), ContainsSubstring("too large"));
  CHECK_THAT(fault_of(parse_duration("")), ContainsSubstring("is not a duration"));
  CHECK_THAT(fault_of(parse_duration("-5s")), ContainsSubstring("is not a duration"));
}

TEST_CASE("sizes are read with their unit") {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"0", 0}, {"512B", 512}, {"64KiB", 65536}, {"1MiB", 1048576}, {"2GiB", 2147483648}};
  for (const auto& [text, value] : cases) {
    INFO(text);
    const auto parsed = parse_size(text);
    REQUIRE(std::holds_alternative<std::uint64_t>(parsed));
    CHECK(std::get<std::uint64_t>(parsed) == value);
  }
  CHECK(fault_of(parse_size("64")) == "\"64\" has no unit (write 64B or 64KiB)");
  CHECK(fault_of(parse_size("64kb")) == "\"64kb\" is not a size (did you mean 64KiB?)");
  CHECK(fault_of(parse_size("5s")) == "\"5s\" is not a size (for example 512B, 64KiB or 1MiB)");
}

TEST_CASE("counts are plain decimal numbers") {
  REQUIRE(std::get<std::uint64_t>(parse_count("0")) == 0);
  REQUIRE(std::get<std::uint64_t>(parse_count("9223372036854775799")) == 9223372036854775799u);
  for (const char* text :
       {"", "-1", "+1", "1.5", "1e3", "1_000", " 1", "1 ", "ten", "9223372036854775808"}) {
    INFO(text);
    CHECK(std::holds_alternative<Fault>(parse_count(text)));
  }
  for (const char* text : {"00", "01", "0123", "0x10", "0o17"}) {
    INFO(text);
    CHECK_THAT(fault_of(parse_count(text)), ContainsSubstring("octal"));
  }
}

TEST_CASE("what is written by format is read back as the same value") {
  for (const auto value : {0ms, 1ms, 999ms, 1000ms, 1500ms, 59s + 0ms, 60s + 0ms, 90s + 0ms,
                           120s + 0ms, 3600s + 0ms, 5400s + 0ms}) {
    INFO(format_duration(value));
    CHECK(std::get<Duration>(parse_duration(format_duration(value))) == value);
  }
  CHECK(format_duration(60s) == "60s");
  CHECK(format_duration(5min) == "5m");
  CHECK(format_duration(24h) == "24h");
  CHECK(format_duration(48h) == "2d");
  CHECK(format_duration(8760h) == "365d");
  CHECK(format_duration(8761h) == "8761h");
  for (const std::uint64_t value :
       {0ull, 1ull, 1023ull, 1024ull, 1536ull, 1048576ull, 3221225472ull}) {
    INFO(format_size(value));
    CHECK(std::get<std::uint64_t>(parse_size(format_size(value))) == value);
  }
}
