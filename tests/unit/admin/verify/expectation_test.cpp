#include "admin/verify/expectation.hpp"

#include <boost/json/parse.hpp>

#include "tests/support/catch.hpp"

using namespace switchback::verify;

namespace {

JsonPath path(std::string_view text) {
  return std::get<JsonPath>(parse_json_path(text));
}
boost::regex pattern(const std::string& text) {
  return std::get<boost::regex>(compile_pattern(text));
}
ProbeAnswer answer(unsigned status, std::string body = {}) {
  ProbeAnswer out;
  out.status = status;
  out.body = std::move(body);
  out.headers = {{"content-type", "application/json; charset=utf-8"}, {"x-a", "1"}, {"x-a", "2"}};
  out.latency_us = 1500;
  return out;
}

}  // namespace

TEST_CASE("JSON paths") {
  const auto document =
      boost::json::parse(R"({"a":{"b":[{"c d":7},null]},"version":"v1.2","":{"x":1}})");
  CHECK(find(document, path("$")) == &document);
  CHECK(find(document, path("$.version"))->as_string() == "v1.2");
  CHECK(find(document, path("$.a.b[0][\"c d\"]"))->as_int64() == 7);
  CHECK(find(document, path("$.a.b[1]"))->is_null());
  CHECK(find(document, path("$[\"\"].x"))->as_int64() == 1);
  for (const char* nowhere : {"$.a.b[2]", "$.b", "$.version.x", "$.a[0]", "$.a.b.c"}) {
    INFO(nowhere);
    CHECK(find(document, path(nowhere)) == nullptr);
  }
  for (const char* bad :
       {"", "a", ".a", "$a", "$.", "$..a", "$[", "$[x]", "$[-1]", "$[1", "$[\"a]", "$.a[*]",
        "$.a b", "$.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", "$[99999999999999999999]"}) {
    INFO(bad);
    CHECK(std::holds_alternative<std::string>(parse_json_path(bad)));
  }
}

TEST_CASE("status, headers, body and latency") {
  Expectation e;
  CHECK(check(e, answer(200)).ok);
  CHECK(check(e, answer(200)).observed == "status 200 in 1.5 ms");
  CHECK_FALSE(check(e, answer(301)).ok);
  e.status = {{200, 200}, {404, 410}};
  CHECK(check(e, answer(404)).ok);
  const CheckResult wrong = check(e, answer(500));
  CHECK(wrong.observed == "status 500");
  CHECK(wrong.expected == "status 200, 404-410");

  e.headers.emplace("content-type", pattern("^application/json"));
  CHECK(check(e, answer(200)).ok);
  e.headers.emplace("x-a", pattern("^2$"));  // any of several fields
  CHECK(check(e, answer(200)).ok);
  e.headers.emplace("x-b", pattern("."));
  CHECK(check(e, answer(200)).observed == "no field x-b");
  e.headers.clear();

  e.body = pattern("\"currency\":\\s*\"EUR\"");
  CHECK(check(e, answer(200, R"({"currency": "EUR"})")).ok);
  CHECK(check(e, answer(200, "x")).observed == "x");
  CHECK(check(e, answer(200)).observed == "an empty body");
  e.body.reset();

  e.max_us = 1500;
  CHECK(check(e, answer(200)).ok);
  e.max_us = 1499;
  CHECK(check(e, answer(200)).observed == "1.5 ms");
  CHECK(check(e, answer(200)).expected == "at most 1.4 ms");

  ProbeAnswer none;
  none.error = "connection refused";
  CHECK(check(e, none).observed == "connection refused");
}

TEST_CASE("JSON rules") {
  const ProbeAnswer good =
      answer(200, R"({"total":100.0,"ok":true,"name":"x","list":[],"none":null})");
  const auto with = [](const char* where) {
    JsonRule rule;
    rule.path = path(where);
    return rule;
  };
  const auto holds = [&](JsonRule rule) {
    Expectation e;
    e.json.push_back(std::move(rule));
    return check(e, good);
  };
  JsonRule rule = with("$.total");
  rule.equals = boost::json::value(100);
  CHECK(holds(rule).ok);  // 100 and 100.0 are one number
  rule.equals = boost::json::value("100");
  CHECK(holds(rule).expected == "$.total is \"100\"");
  rule = with("$.total");
  rule.type = JsonType::number;
  rule.min = 100;
  rule.max = 100;
  CHECK(holds(rule).ok);
  rule.min = 100.5;
  CHECK_FALSE(holds(rule).ok);
  rule = with("$.name");
  rule.min = 1;
  CHECK(holds(rule).observed == "$.name is \"x\"");
  rule = with("$.ok");
  rule.type = JsonType::boolean;
  CHECK(holds(rule).ok);
  rule.type = JsonType::array;
  CHECK_FALSE(holds(rule).ok);
  CHECK(holds(with("$.none")).ok);
  CHECK(holds(with("$.gone")).observed == "no $.gone");

  Expectation e;
  e.json.push_back(with("$"));
  CHECK(check(e, answer(200, "<html>")).expected == "JSON");
  CHECK(check(e, answer(200)).observed == "an empty body");
  ProbeAnswer cut = good;
  cut.body_cut = true;
  CHECK_FALSE(check(e, cut).ok);
  // Nested too deep for a parser is no JSON of ours, and no crash.
  CHECK_FALSE(check(e, answer(200, std::string(60'000, '['))).ok);
}

TEST_CASE("patterns are bounded, in writing and in matching") {
  CHECK(std::holds_alternative<std::string>(compile_pattern("")));
  CHECK(std::holds_alternative<std::string>(compile_pattern("(")));
  CHECK(std::holds_alternative<std::string>(compile_pattern(std::string(2000, 'a'))));
  Expectation e;
  e.body = pattern("(a+)+(b+)+c$");
  const CheckResult result =
      check(e, answer(200, std::string(30'000, 'a') + std::string(30'000, 'b')));
  CHECK_FALSE(result.ok);
  CHECK_THAT(result.observed, ContainsSubstring("takes too long"));
}
