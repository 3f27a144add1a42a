// Percentiles, histogram, report and plot.
#include <boost/json.hpp>
#include <regex>

#include "bench/switchover/plot.hpp"
#include "bench/switchover/report.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::bench;

namespace {

constexpr Nanos ms = 1'000'000;

Result clean_result(unsigned flips = 100) {
  Result result;
  result.facts.subject = "shop at http://a/?x=<1>&y=\"2\"";
  result.facts.service = "shop";
  result.facts.flips_wanted = flips;
  result.facts.rate = 1000;
  result.facts.lanes = {{"http keep-alive", "http://a/"}};
  result.lanes.resize(1);
  result.lanes[0].answered = 5000;
  result.lanes[0].latency.add(2 * ms);
  for (unsigned i = 0; i < flips; ++i) {
    FlipRecord flip;
    flip.commanded = 1'000'000'000 + i * 100 * ms;
    flip.answered = flip.commanded + (i + 1) * ms / 100;
    flip.first_new = flip.commanded + 5 * ms;
    flip.receipt.drained = 4.5;
    flip.receipt.verified = 4.75;
    result.flips.push_back(flip);
  }
  result.end.done = flips;
  return result;
}

// Tags closed in order, attributes quoted, no stray '<' or '&': what a browser needs to draw it.
std::string fault_of_xml(const std::string& text) {
  static const std::regex tag(
      "<(/?)([A-Za-z]+)((?:\\s+[A-Za-z][A-Za-z0-9:-]*=\"[^\"<]*\")*)\\s*(/?)>");
  static const std::regex entity("&(amp|lt|gt|quot);");
  std::vector<std::string> open;
  std::string rest;
  std::size_t at = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), tag), end; it != end; ++it) {
    rest += text.substr(at, static_cast<std::size_t>(it->position()) - at);
    at = static_cast<std::size_t>(it->position() + it->length());
    if ((*it)[1].length() > 0) {
      if (open.empty() || open.back() != (*it)[2]) return "closed out of order: " + it->str();
      open.pop_back();
    } else if ((*it)[4].length() == 0) {
      open.push_back((*it)[2]);
    }
  }
  rest += text.substr(at);
  rest = std::regex_replace(rest, entity, "");
  if (!open.empty()) return "left open: " + open.back();
  return rest.find_first_of("<&") == std::string::npos ? "" : "stray: " + rest;
}

}  // namespace

TEST_CASE("percentiles are values that were measured, by nearest rank") {
  std::vector<double> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(i);
  const auto s = summarize({values.rbegin(), values.rend()});
  CHECK(s.count == 1000);
  CHECK(s.p50 == 500);
  CHECK(s.p90 == 900);
  CHECK(s.p99 == 990);
  CHECK(s.max == 1000);
  CHECK(summarize({7}).p50 == 7);
  CHECK(summarize({7}).p99 == 7);
  CHECK(summarize({}).count == 0);
  CHECK(summarize({}).p99 == 0);
}

TEST_CASE("the histogram is exact to a thirty-second and never beyond the largest value") {
  LatencyHistogram histogram;
  CHECK(histogram.at(50) == 0);
  for (Nanos i = 1; i <= 10'000; ++i) histogram.add(i * 1000);
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9}) {
    const double exact = percent / 100 * 10'000 * 1000;
    const auto got = static_cast<double>(histogram.at(percent));
    CHECK(got >= exact * 0.999);
    CHECK(got <= exact * (1 + 1.0 / 32) + 1);
  }
  CHECK(histogram.at(100) == histogram.max());
  CHECK(histogram.max() == 10'000'000);
  histogram.add(-5);  // a clock that is read twice may be equal, never worse than 0
  histogram.add(std::numeric_limits<Nanos>::max());
  CHECK(histogram.at(100) == std::numeric_limits<Nanos>::max());
  CHECK(histogram.count() == 10'002);
}

TEST_CASE("figures are made of the measured flips that were answered") {
  auto result = clean_result();
  result.flips[3].measured = false;
  result.flips[4].answered = 0;
  const auto figures = figures_of(result);
  CHECK(figures.answer.count == 98);
  CHECK(figures.answer.max == 1.0);
  CHECK(figures.first_new.p50 == 5);
  CHECK(figures.drained.p99 == 0);  // nothing was under way on the old color
  CHECK(figures.receipt_drained.count == 98);
  CHECK(figures.receipt_switched.count == 0);
  CHECK(figures.receipt_verified.p50 == 4.75);
}

TEST_CASE("the verdict names the worst that was found") {
  auto result = clean_result();
  const auto verdict = [&] { return verdict_of(result, figures_of(result)); };
  CHECK(verdict() == "clean");
  result.lanes[0].unjudged = 1;
  CHECK(verdict() == "unproved");
  result.lanes[0].unjudged = 0;
  result.facts.flips_wanted = 101;
  CHECK(verdict() == "unproved");
  result.end.interrupted = true;
  CHECK(verdict() == "interrupted");
  result.end.restored = false;
  CHECK(verdict() == "not restored");
  result.lanes[0].stale = 1;
  CHECK(verdict() == "failed");
  result.lanes[0].stale = 0;
  result.lanes[0].failed = 1;
  CHECK(verdict() == "failed");
}

TEST_CASE("no answer at all proves nothing") {
  auto result = clean_result();
  result.lanes[0].answered = 0;
  CHECK(verdict_of(result, figures_of(result)) == "unproved");
}

TEST_CASE("the table has a row for every stage that was seen and every lane") {
  auto result = clean_result();
  result.complaints = {"failed: closed"};
  result.lanes[0].failed = 1;
  const auto text = render_text(result, figures_of(result));
  CHECK_THAT(text, ContainsSubstring("the answer                                0.500"));
  CHECK_THAT(text, ContainsSubstring("drained, by the receipt"));
  CHECK_THAT(text, !ContainsSubstring("switched, by the receipt"));
  CHECK_THAT(text, ContainsSubstring("http keep-alive"));
  CHECK_THAT(text, ContainsSubstring("failed: closed"));
  CHECK_THAT(text, ContainsSubstring("100 flips, 5,001 requests: 1 failed, 0 stale."));
}

TEST_CASE("the JSON has the figures, the lanes and every flip") {
  const auto result = clean_result();
  const auto object = render_json(result, figures_of(result));
  CHECK(object.at("verdict").as_string() == "clean");
  CHECK(object.at("ms_from_command").at("answer").at("p99").as_double() == 0.99);
  CHECK(object.at("lanes").at(0).at("answered").to_number<int>() == 5000);
  CHECK(object.at("each_flip_ms").at("answer").as_array().size() == 100);
}

TEST_CASE("the plot is well-formed, for many flips, for one and for none") {
  for (const unsigned flips : {0u, 1u, 100u, 5000u}) {
    auto result = clean_result(flips);
    result.timeline.answer(Color::blue, 500 * ms);
    result.timeline.command(Color::green, 600 * ms);
    for (int i = 0; i < 30; ++i) result.timeline.answer(Color::green, (600 + i) * ms);
    const auto svg = render_svg(result, figures_of(result));
    CHECK(fault_of_xml(svg) == "");
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(svg.find("inf") == std::string::npos);
    CHECK(svg.size() < 100'000);
    CHECK_THAT(svg, ContainsSubstring("ms from the flip's command"));
    CHECK_THAT(svg, ContainsSubstring("prefers-color-scheme:dark"));
  }
}

TEST_CASE("the check of the plot's form finds faults") {
  CHECK(fault_of_xml("<a><b></b></a>") == "");
  CHECK(fault_of_xml("<a><b></a></b>") != "");
  CHECK(fault_of_xml("<a>") != "");
  CHECK(fault_of_xml("<a x=1></a>") != "");
  CHECK(fault_of_xml("<a>1 & 2</a>") != "");
}
