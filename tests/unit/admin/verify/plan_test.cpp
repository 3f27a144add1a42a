#include "admin/verify/plan.hpp"

#include "config/yaml_loader.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::verify;

namespace {

// The first fault of a plan written in YAML as "LINE: message (hint)"; "" when it is whole.
std::string fault_of(const std::string& plan, const std::string& more = "") {
  const auto loaded = config::load_text(
      "listeners: [{ bind: \"127.0.0.1:8080\" }]\nservices:\n  shop:\n"
      "    blue: { servers: [\"127.0.0.1:9001\"] }\n    verify:\n" +
          plan + more,
      "f");
  if (!loaded.config) {
    return loaded.diagnostics.empty() ? "?" : loaded.diagnostics.front().text();
  }
  const auto faults = plan_faults(*loaded.config);
  if (faults.empty()) return "";
  const auto& first = faults.front();
  const auto at = loaded.places.at(first.path);
  return std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + first.message +
         (first.hint.empty() ? "" : " (" + first.hint + ")");
}

config::Verify loaded_plan(const std::string& plan) {
  const auto loaded = config::load_text(
      "listeners: [{ bind: \"127.0.0.1:8080\" }]\nservices:\n  shop:\n"
      "    blue: { servers: [\"127.0.0.1:9001\"] }\n    verify:\n" +
          plan,
      "f");
  INFO((loaded.diagnostics.empty() ? "" : loaded.diagnostics.front().text()));
  REQUIRE(loaded.config);
  return *loaded.config->services.front().verify;
}

constexpr const char* whole = R"yaml(      deadline: 20s
      probes:
        - {name: health, get: /healthz, expect: {status: 200, max_ms: 300}, every: 1s, pass: 3 of 3}
        - name: version
          get: /version
          expect: {json: {"$.version": "${release.version}"}}
        - name: pay-quote
          post: /quote?r=${release.commit}
          headers: {X-Synthetic: yes, X-Release: "${release.version}"}
          body: '{"amount": 100}'
          expect: {status: [200, 201-204], header: {content-type: "^application/json"},
                   body_regex: '"v":"${release.version}"', json: {"$.total": {type: number, min: 100}},
                   max_ms: 800}
      traffic:
        baseline: {window: 30m, min_requests: 1000}
        streams:
          error: {bad: [5xx, connect_fail, reset, timeout], floor: 0.2%, tolerate: 1%}
          slow:  {bad: "latency > p99(baseline)",
                     floor : 1.5 %, tolerate : 5 %
}
          auth:  {bad: [401, 403], floor: 1%, tolerate: 5%}
        ignore: {client_abort: true, paths: ["^/probe/"], header: X-Synthetic}
        min_bad: 5
        burst_guard: 3s
        per_source_cap: 10/s
      paired_probes: {rate: 4/s, use: [health, pay-quote]}
      hooks: [{on: switched, exec: [/opt/recycle-pools.sh, "${release.version}"], timeout: 2s}]
)yaml";

}  // namespace

TEST_CASE("the plan of the page is read, checked and made ready for a release") {
  CHECK(fault_of(whole, "    bake: {for: 15m, mode: auto}\n") == "");
  const auto plan = loaded_plan(whole);
  CHECK(plan.traffic->streams.size() == 3);
  CHECK(plan.traffic->streams[0].floor == Approx(0.002));
  CHECK(plan.traffic->streams[1].bad.slow);
  CHECK(plan.traffic->per_source_cap == 10);
  const auto probes = instantiate(plan, {"v1.2", "abc"});
  REQUIRE(probes.size() == 3);
  CHECK(probes[0].pass_needed == 3);
  CHECK(probes[0].timeout_ms == 600);
  CHECK(probes[0].headers.at(0).name == "X-Synthetic");
  CHECK_FALSE(probes[0].identity);
  CHECK(probes[1].identity);
  CHECK(probes[1].expect.json.at(0).equals->as_string() == "v1.2");
  CHECK(probes[2].method == "POST");
  CHECK(probes[2].path == "/quote?r=abc");
  CHECK(probes[2].headers.size() == 2);  // its own X-Synthetic stays
  CHECK(boost::regex_search(std::string("\"v\":\"v1.2\""), *probes[2].expect.body));
  CHECK_FALSE(boost::regex_search(std::string("\"v\":\"v1x2\""), *probes[2].expect.body));
  CHECK(plan_sha(plan) == plan_sha(plan));
  CHECK(plan_sha(plan) != plan_sha(loaded_plan("      probes: [{name: a, get: /}]\n")));
}

TEST_CASE("a probe that needs to know the release says so where nobody has named it") {
  const auto probes = instantiate(loaded_plan(whole), {});
  CHECK(probes[0].missing.empty());
  CHECK_THAT(probes[1].missing, ContainsSubstring("which release runs here"));
}

TEST_CASE("every fault of a plan is told with its place and a mend") {
  const std::pair<const char*, const char*> cases[] = {
      {"      probes: [{name: a, get: /, expect: {body_regex: \"(\"}}]\n", "does not compile"},
      {"      probes: [{name: a, get: /, expect: {header: {x: \"[\"}}}]\n", "does not compile"},
      {"      probes: [{name: a, get: /, expect: {json: {version: 1}}}]\n", "is not a place"},
      {"      probes: [{name: a, get: \"/${release.vershun}\"}]\n",
       "${release.vershun} is not known"},
      {"      probes: [{name: a, get: /, post: /b}]\n", "asks for / already"},
      {"      probes: [{name: a}]\n", "asks for nothing"},
      {"      probes: [{name: a, get: /}, {name: a, get: /b}]\n", "two probes are named a"},
      {"      probes: [{name: a, get: /, pass: 4 of 3}]\n", "is not a rule such as 3 of 3"},
      {"      probes: [{name: a, get: /, expect: {status: 99}}]\n", "is not a status"},
      {"      probes: [{name: a, head: /, expect: {json: {\"$.a\": 1}}}]\n", "has no body"},
      {"      probes: [{name: health, get: /}]\n      paired_probes: {use: [heath]}\n",
       "did you mean health?"},
      {"      probes: [{name: a, get: /}]\n      paired_probes: {rate: 4}\n", "write 4/s"},
      {"      traffic: {streams: {error: {bad: [5xx, conect_fail]}}}\n",
       "did you mean connect_fail?"},
      {"      traffic: {streams: {error: {bad: [5xx], floor: 0.2}}}\n", "write 0.2%"},
      {"      traffic: {streams: {error: {bad: [5xx], floor: 2%, tolerate: 1%}}}\n",
       "tolerate must be above floor"},
      {"      traffic: {streams: {error: {bad: [5xx]}}, ignore: {paths: [\"(\"]}}\n",
       "does not compile"},
      {"      traffic: {min_bad: 5}\n", "has no streams"},
      {"      deadline: 5s\n", "checks nothing"},
      {"      probes: [{name: a, get: /}]\n      hooks: [{on: switched, exec: "
       "[run.sh]}]\n",
       "whole path of a program"},
      {"      probes: [{name: a, get: /}]\n      hooks: [{on: switchd, exec: [/a]}]\n",
       "did you mean switched?"},
  };
  for (const auto& [plan, wanted] : cases) {
    INFO(plan);
    const auto fault = fault_of(plan);
    INFO(fault);
    CHECK_THAT(fault, ContainsSubstring(wanted));
    CHECK_THAT(fault, ContainsSubstring(":"));
  }
  CHECK_THAT(fault_of("      probes: [{name: a, get: /}]\n", "    bake: {mode: auto}\n"),
             ContainsSubstring("7:12: bake.mode auto without verify.traffic.streams"));
}
