// Every wire vector against the decoders: as a whole, byte by byte, and cut in two at every place.
#include <algorithm>

#include "proxy/http/head.hpp"
#include "tests/conformance/drive.hpp"
#include "tests/conformance/vectors.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using conformance::Case;
using conformance::Outcome;

namespace {

using Pieces = std::vector<std::string_view>;

std::string show(const Outcome& out) {
  return out.verdict + " | " + out.first + " | " + out.flags + "| " + out.framing + " | body " +
         std::to_string(out.body.size()) + " | " + out.trailers + " | left " + out.left;
}

Outcome drive(const Case& vector, const Pieces& pieces, bool strict = false) {
  if (vector.file.rfind("request/", 0) == 0)
    return conformance::drive_request(pieces, vector.get("trusted") == "yes");
  return conformance::drive_response(pieces, http::method_of(vector.get("request", "GET")),
                                     vector.get("closes") == "yes", strict);
}

std::vector<std::string> lines_of(const std::string& head) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    out.push_back(head.substr(at, end - at));
    at = end + 2;
  }
  return out;
}

bool names(const std::string& line, const std::string& field) {
  return line.size() > field.size() && line[field.size()] == ':' &&
         http::iequals(std::string_view(line).substr(0, field.size()), field);
}

void check_forwarded(const Case& vector, const Outcome& out, const std::string& side) {
  const std::vector<std::string> lines = lines_of(out.forwarded);
  REQUIRE(lines.size() >= 2);
  CHECK(lines.back().empty());
  for (const std::string& wanted : vector.all(side + "-has")) {
    INFO("wanted: " << wanted << "\nsent: " << out.forwarded);
    CHECK(std::count(lines.begin(), lines.end(), conformance::unescape(wanted)) == 1);
  }
  for (const std::string& unwanted : vector.all(side + "-lacks")) {
    INFO("unwanted: " << unwanted << "\nsent: " << out.forwarded);
    CHECK(std::none_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return names(line, unwanted); }));
  }
}

void check_flags(const Case& vector, const Outcome& out) {
  for (const char* key : {"keep_alive", "expect_continue", "upgrade", "te_trailers"}) {
    if (!vector.has(key)) continue;
    INFO(key << " in " << out.flags);
    CHECK((" " + out.flags).find(" " + std::string(key) + "=" + vector.get(key) + " ") !=
          std::string::npos);
  }
}

void check_outcome(const Case& vector, const Outcome& out) {
  REQUIRE(out.verdict == vector.get("expect"));
  if (out.verdict != "ok" && out.verdict != "more") return;
  CHECK(out.framing == vector.get("framing", out.framing.empty() ? "" : "none"));
  CHECK(out.body == conformance::unescape(vector.get("body")));
  CHECK(out.trailers == conformance::unescape(vector.get("trailers")));
  CHECK(out.left == conformance::unescape(vector.get("left")));
  check_flags(vector, out);
  if (out.framing.empty()) return;  // the head is not there yet
  const bool request = vector.file.rfind("request/", 0) == 0;
  check_forwarded(vector, out, request ? "server" : "client");
}

void check_request_line(const Case& vector, const Outcome& out) {
  const std::size_t first = out.first.find(' '), last = out.first.rfind(' ');
  if (vector.has("method"))
    CHECK(out.first.substr(0, first) == conformance::unescape(vector.get("method")));
  if (vector.has("target"))
    CHECK(out.first.substr(first + 1, last - first - 1) ==
          conformance::unescape(vector.get("target")));
  if (vector.has("authority")) CHECK(out.first.substr(last + 1) == vector.get("authority"));
  if (!out.forwarded.empty())
    CHECK(lines_of(out.forwarded)[0] == out.first.substr(0, last) + " HTTP/1.1");
}

void check_status_line(const Case& vector, const Outcome& out) {
  const std::size_t space = out.first.find(' ');
  if (vector.has("status")) CHECK(out.first.substr(0, space) == vector.get("status"));
  if (vector.has("reason"))
    CHECK(out.first.substr(space + 1) == conformance::unescape(vector.get("reason")));
}

// A head is forwarded the same whatever the second it is forwarded in.
Outcome without_date(Outcome out) {
  const std::size_t at = out.forwarded.find("\r\nDate: ");
  if (at != std::string::npos) out.forwarded.erase(at, 37);
  return out;
}

void check_cuts(const Case& vector, const Outcome& whole) {
  const std::string_view raw = vector.raw;
  Pieces bytes;
  for (std::size_t i = 0; i < raw.size(); ++i) bytes.push_back(raw.substr(i, 1));
  const bool small = raw.size() <= 2048;
  if (small) {
    const Outcome out = without_date(drive(vector, bytes));
    INFO("byte by byte: " << show(out) << "\nwhole: " << show(whole));
    CHECK(out == whole);
  }
  // A large one is cut near its ends and here and there.
  for (std::size_t at = 1; at < raw.size(); ++at) {
    if (!small && at > 64 && raw.size() - at > 64 && at % 1021 != 0) continue;
    const Outcome out = without_date(drive(vector, {raw.substr(0, at), raw.substr(at)}));
    INFO("cut at " << at << ": " << show(out) << "\nwhole: " << show(whole));
    REQUIRE(out == whole);
  }
}

void run(const std::string& folder, std::size_t at_least) {
  const std::vector<Case> vectors = conformance::load(folder);
  REQUIRE(vectors.size() >= at_least);
  for (const Case& vector : vectors) {
    INFO(vector.file << ": " << vector.name << " (RFC " << vector.get("rfc") << ")");
    const Outcome whole = drive(vector, {vector.raw});
    INFO("came out: " << show(whole));
    check_outcome(vector, whole);
    if (whole.verdict == "ok" && folder == "request") check_request_line(vector, whole);
    if (whole.verdict == "ok" && folder == "response") check_status_line(vector, whole);
    check_cuts(vector, without_date(whole));
    if (folder == "request") continue;
    // By `answers: strict` the same, but for what had to be forgiven.
    CHECK(whole.lapses == (vector.has("lapses") ? vector.get("lapses") + " " : ""));
    CHECK(drive(vector, {vector.raw}, true).verdict == vector.get("strict", vector.get("expect")));
  }
}

}  // namespace

TEST_CASE("request vectors are decoded as the RFCs ask, however they are cut") {
  run("request", 150);
}

TEST_CASE("response vectors are decoded as the RFCs ask, however they are cut") {
  run("response", 60);
}

TEST_CASE("a vector file with a mistake is not passed over") {
  CHECK_THROWS(conformance::unescape("\\q"));
  CHECK_THROWS(conformance::unescape("\\R{3,x"));
  CHECK(conformance::unescape("\\R{3,a\\r}\\x41\\s\\\\") == "a\ra\ra\rA \\");
}
