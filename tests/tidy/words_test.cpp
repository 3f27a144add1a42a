#include "tests/tidy/words.hpp"

#include "tests/support/catch.hpp"

namespace switchback::tidy {
namespace {

const std::string nap = std::string("sle") + "ep";

TEST_CASE("unfinished business is found, and only as a word") {
  CHECK(unfinished(make_file("a.cpp", std::string("// TO") + "DO: mend\n")).size() == 1);
  CHECK(unfinished(make_file("a.md", std::string("FIX") + "ME\n")).size() == 1);
  CHECK(unfinished(make_file("a.cpp", "mkdtemp(\"/tmp/aXXXXXX\");\n")).empty());
  CHECK(unfinished(make_file("a.cpp", "int todo_list;\n")).empty());
}

TEST_CASE("tests that wait by the clock are found") {
  CHECK(
      waits_by_clock(make_file("tests/a.cpp", "std::this_thread::" + nap + "_for(1s);\n")).size() ==
      1);
  CHECK(waits_by_clock(make_file("tests/a.cpp", "u" + nap + " (5);\n")).size() == 1);
  CHECK(waits_by_clock(make_file("tests/a.cpp", "// never " + nap + "(1)\n")).empty());
  CHECK(waits_by_clock(make_file("tests/e2e/a.sh", "x; " + nap + " 1\n")).size() == 1);
  CHECK(waits_by_clock(make_file("tests/e2e/a.py", "time." + nap + "(1)\n")).size() == 1);
  CHECK(waits_by_clock(make_file("proxy/a.cpp", nap + "(1);\n")).empty());
}

TEST_CASE("paths of one machine and registries are found") {
  const std::string home = std::string("/ro") + "ot/x";
  CHECK(machine_names(make_file("a.sh", "cd " + home + "\n")).size() == 1);
  CHECK(machine_names(make_file("a.sh", "cd=\"" + home + "\"\n")).size() == 1);
  CHECK(machine_names(make_file("a.cpp", "\"proxy/worker/\" \"/works\"\n")).empty());
  CHECK(machine_names(make_file("a.md",
                                "https://npm-"
                                "mirror.example/x\n"))
            .size() == 1);
  CHECK(machine_names(make_file("a.md", "https://www.rfc-editor.org/rfc/rfc9110\n")).empty());
}

}  // namespace
}  // namespace switchback::tidy
