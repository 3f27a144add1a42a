#include "config/field_table_verify.hpp"

#include "config/field_rows.hpp"
#include "config/verify_values.hpp"

namespace switchback::config {

namespace {

constexpr std::int64_t one_hour = 3'600'000;

struct Method {
  std::string_view key, name;
};
constexpr Method methods[] = {{"get", "GET"},        {"head", "HEAD"},   {"post", "POST"},
                              {"put", "PUT"},        {"patch", "PATCH"}, {"delete", "DELETE"},
                              {"options", "OPTIONS"}};

template <std::size_t I>
std::vector<std::string> show_method(const void* owner) {
  return show_probe_method(*static_cast<const Probe*>(owner), methods[I].name);
}

template <std::size_t I>
Row method_row(std::string_view doc) {
  return custom<read_probe_method, show_method<I>>("probe", methods[I].key, doc)
      .of_type("path")
      .like(request_path_rule)
      .or_else("another method");
}

std::vector<Field> plan_fields() {
  return {
      member<&Verify::deadline>("verify", "deadline",
                                "A flip that is not verified by then is unverified.")
          .range(100, one_hour),
      member<&Verify::probes>(
          "verify", "probes",
          "Requests to each healthy server of a color, straight from here; run at "
          "the switch, then as each says, and every 5 s against the standby.")
          .of_type("list of probes")
          .holds("probe"),
      optional_section<&Verify::traffic>("verify", "traffic",
                                         "What real requests say of the release.")
          .holds("traffic")
          .or_else("traffic is not judged"),
      optional_section<&Verify::paired_probes>("verify", "paired_probes",
                                               "The same probe to both colors at the same moment, "
                                               "after a flip; it tells whose fault it is.")
          .holds("paired_probes")
          .or_else("none"),
      member<&Verify::hooks>("verify", "hooks", "Programs that are told how it went.")
          .of_type("list of hooks")
          .holds("hook"),
      member<&Hook::exec>("hook", "exec", "The program, with its whole path, and its arguments.")
          .of_type("list of texts")
          .allows("/path/to/program, then anything; ${release.version} and the like are filled in")
          .required(),
      choice<&Hook::on>("hook", "on", "When it is started.").required(),
      member<&Hook::timeout>("hook", "timeout", "One that runs longer is killed and has failed.")
          .range(10, one_hour),
      member<&Hook::required>("hook", "required",
                              "A failure makes the flip unverified; for on: switched."),
  };
}

std::vector<Field> probe_fields() {
  return {
      member<&Probe::name>("probe", "name", "How results name it.")
          .like(token_name_rule)
          .required(),
      method_row<0>("What is asked for with GET; exactly one of the methods is named."),
      method_row<1>("With HEAD."),
      method_row<2>("With POST."),
      method_row<3>("With PUT."),
      method_row<4>("With PATCH."),
      method_row<5>("With DELETE."),
      method_row<6>("With OPTIONS."),
      custom<read_probe_headers, show_probe_headers>(
          "probe", "headers", "Fields to send; X-Synthetic: switchback is always sent.")
          .of_type("mapping of header names")
          .allows("text; ${release.version} and ${release.commit} are filled in"),
      member<&Probe::body>("probe", "body", "What to send behind the head.")
          .allows("text, at most 64KiB; ${…} is filled in"),
      section<&Probe::expect>("probe", "expect", "What a good answer looks like; 2xx without it.")
          .holds("expect"),
      member<&Probe::every>("probe", "every", "From one run to the next, after a switch.")
          .range(100, 60'000),
      custom<read_pass, show_pass>("probe", "pass",
                                   "How many of a server's newest answers must be good; those to "
                                   "the checks of the standby before the switch count too.")
          .of_type("rule")
          .allows("K of N, N at most 100"),
      custom<read_expected_status, show_expected_status>("expect", "status", "Statuses that pass.")
          .of_type("status, range, or list of them")
          .allows("100 to 599")
          .or_else("200-299"),
      member<&ProbeExpectation::max_ms>("expect", "max_ms",
                                        "Milliseconds the answer may take; 0 is no bound of its "
                                        "own (a probe is given up after 2 s, or twice this).")
          .range(0, 60'000),
      custom<read_expected_header, show_expected_header>("expect", "header",
                                                         "Fields whose value must match.")
          .of_type("mapping of header names")
          .allows("regular expressions (Perl)"),
      member<&ProbeExpectation::body_regex>("expect", "body_regex",
                                            "Must match somewhere in the first 64 KiB.")
          .allows("regular expression (Perl)"),
      custom<read_expected_json, show_expected_json>(
          "expect", "json", "Values in a JSON answer; $.version, $.a.b[0] and the like.")
          .of_type("mapping of places")
          .holds("json")
          .allows("a value that must be equal, or a mapping; ${…} is filled in"),
      custom<read_equals, show_equals>("json", "equals", "The value itself; quoted, it is text.")
          .of_type("value")
          .or_else("any"),
      choice<&JsonExpectation::type>("json", "type", "The kind of value."),
      custom<read_min, show_min>("json", "min", "The least number.").of_type("amount"),
      custom<read_max, show_max>("json", "max", "The largest number.").of_type("amount"),
  };
}

std::vector<Field> traffic_fields() {
  return {
      section<&VerifyTraffic::baseline>("traffic", "baseline",
                                        "What the release is compared with: requests of the color "
                                        "that was active before it.")
          .holds("baseline"),
      custom<read_streams, show_streams>("traffic", "streams",
                                         "What is counted as bad, each judged by itself.")
          .of_type("mapping of names")
          .holds("stream"),
      section<&VerifyTraffic::ignore>("traffic", "ignore", "Bad outcomes that do not count.")
          .holds("ignore"),
      member<&VerifyTraffic::min_bad>("traffic", "min_bad", "Fewer bad outcomes prove nothing.")
          .range(1, 1'000'000),
      member<&VerifyTraffic::burst_guard>("traffic", "burst_guard",
                                          "So many separate seconds must testify; 0 is no guard.")
          .range(0, 60'000),
      custom<read_source_cap, show_source_cap>(
          "traffic", "per_source_cap",
          "Bad outcomes of one client address that count, so that one broken client cannot roll "
          "production back.")
          .of_type("rate")
          .allows("1/s to 1000000/s")
          .or_else("all count"),
      member<&TrafficBaseline::window>("baseline", "window",
                                       "How much of the time before the flip is looked at.")
          .range(60'000, 24 * one_hour),
      member<&TrafficBaseline::min_requests>("baseline", "min_requests",
                                             "With fewer the traffic is not judged.")
          .range(1, 1'000'000'000),
      custom<read_bad, show_bad>("stream", "bad", "Which outcomes are bad.")
          .of_type("list of words")
          .allows("5xx, 4xx, a status from 400, connect_fail, reset, timeout; or "
                  "\"latency > p99(baseline)\" alone")
          .required(),
      custom<read_floor, show_floor>("stream", "floor",
                                     "A share of bad outcomes up to this is never an alarm.")
          .of_type("share")
          .allows("0% to 100%"),
      custom<read_tolerate, show_tolerate>(
          "stream", "tolerate", "Below it a release is healthy, whatever the baseline was.")
          .of_type("share")
          .allows("0% to 100%"),
      member<&TrafficIgnore::client_abort>(
          "ignore", "client_abort", "Requests whose client went away; false counts them as reset."),
      member<&TrafficIgnore::paths>("ignore", "paths", "Bad outcomes of requests for these paths.")
          .of_type("list of patterns")
          .allows("regular expressions (Perl), of the first 160 bytes of path and query"),
      member<&TrafficIgnore::header>("ignore", "header",
                                     "Bad outcomes of requests that carry this header.")
          .like(answer_field_rule)
          .or_else("none"),
      custom<read_pair_rate, show_pair_rate>("paired_probes", "rate", "Pairs a second.")
          .of_type("rate")
          .allows("1/s to 20/s"),
      member<&PairedPlan::use>("paired_probes", "use", "Probes to send, in turn.")
          .of_type("list of probes' names")
          .or_else("all"),
      member<&Bake::length>("bake", "for", "How long the release is watched after its flip.")
          .range(1000, 7 * 24 * one_hour),
      choice<&Bake::mode>("bake", "mode",
                          "What a proven regression leads to: advise says it, auto goes back."),
      custom<read_objective, show_objective>(
          "bake", "objective",
          "Share of requests without a 5xx; what errors cost is counted against it, also after the "
          "window.")
          .of_type("share")
          .allows("50% to 99.9999%"),
  };
}

}  // namespace

std::vector<Field> verify_fields() {
  std::vector<Field> rows;
  for (auto part : {plan_fields, probe_fields, traffic_fields}) {
    for (Field& field : part()) rows.push_back(std::move(field));
  }
  return rows;
}

}  // namespace switchback::config
