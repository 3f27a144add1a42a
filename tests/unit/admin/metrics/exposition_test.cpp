#include "admin/metrics/exposition.hpp"

#include <limits>

#include "tests/support/catch.hpp"

namespace switchback {
namespace {

TEST_CASE("families and samples in the text format") {
  metrics::Exposition out;
  out.family("a_total", "counter", "What \\ a\nhelp.");
  out.sample({}, std::uint64_t{18446744073709551615u});
  out.sample({{"x", "1"}, {"y", "q\"u\\o\nte"}}, 0.25);
  out.family("b", "histogram", "H.");
  out.sample("_bucket", {{"le", "+Inf"}}, std::uint64_t{3});
  CHECK(out.take() ==
        "# HELP a_total What \\\\ a\\nhelp.\n# TYPE a_total counter\n"
        "a_total 18446744073709551615\n"
        "a_total{x=\"1\",y=\"q\\\"u\\\\o\\nte\"} 0.25\n"
        "# HELP b H.\n# TYPE b histogram\nb_bucket{le=\"+Inf\"} 3\n");
}

TEST_CASE("numbers read back as they were") {
  CHECK(metrics::number_text(0.1) == "0.1");
  CHECK(metrics::number_text(0) == "0");
  CHECK(std::stod(metrics::number_text(0.000064)) == 0.000064);
  CHECK(metrics::number_text(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(metrics::number_text(-std::numeric_limits<double>::infinity()) == "-Inf");
  CHECK(metrics::number_text(std::numeric_limits<double>::quiet_NaN()) == "NaN");
}

}  // namespace
}  // namespace switchback
