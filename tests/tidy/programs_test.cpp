#include "tests/tidy/programs.hpp"

#include "tests/support/catch.hpp"

namespace switchback::tidy {
namespace {

std::string names(const std::vector<Start>& starts) {
  std::string all;
  for (const Start& start : starts) all += (all.empty() ? "" : " ") + start.program;
  return all;
}
std::string shell(const std::string& text) {
  return names(shell_starts(text));
}
std::string in(const std::string& path, const std::string& text) {
  return names(starts_of(make_file(path, text)).found);
}

TEST_CASE("a shell script's commands are found wherever they stand") {
  CHECK(shell("curl -s x | jq .a && ss -t || ps &\n") == "curl jq ss ps");
  CHECK(shell("a=$(date) b=`id -u` wrk \"$(nproc)\" '$(no)'") == "date id nproc wrk");
  CHECK(shell("if ! grep -q x y; then cp a b; elif cmp a b; then :; fi") == "grep cp cmp");
  CHECK(shell("for f in ls ps; do mv $f x; done; while read -r l; do tr a b; done < <(ss -t)") ==
        "mv tr ss");
  CHECK(shell("case $1 in curl | wrk) sed x ;; *) (awk y) ;; esac; tail z") == "sed awk tail");
  CHECK(shell("[[ $a == (curl|wrk) && -n $(which x) ]] && head b") == "which head");
  CHECK(shell("say() { printf x; tee y; }\nsay curl\n") == "tee");
  CHECK(shell("cat <<END\ncurl wrk $(x)\nEND\ntee\n") == "cat tee");
  CHECK(shell("x=(curl wrk); for y in \"${x[@]}\"; do :; done") == "");
  CHECK(shell("x=(env A=1 apt-get -q); \"${x[@]}\" update") == "env apt-get");
  CHECK(shell("a >b 2>&1 <c; d &>/dev/null") == "a d");
  CHECK(shell("cd x # curl\n./dev test; bench/run; $own; \"$here/own\"; /usr/bin/ps") == "ps");
}

TEST_CASE("what one program is told to start is found too") {
  CHECK(shell("exec nice -n 10 env -i A=b \"C=$d\" curl x") == "nice env curl");
  CHECK(shell("find . -print0 | xargs -0 -n 1 -P 2 clang-tidy") == "find xargs clang-tidy");
  CHECK(shell("sh -c 'ps | wc -l'") == "sh ps wc");
  CHECK(shell("command -v h2o || nginx") == "nginx");
}

TEST_CASE("programs that C++ tests start are found, and what cannot be read is said") {
  const std::string path = "tests/a_test.cpp";
  CHECK(in(path, " run({\"curl\", \"-s\"});") == "curl");
  CHECK(in(path, " Process p({\"sh\", \"-c\", \"exec tail \"\n \"-f x | wc\"});") == "sh tail wc");
  CHECK(in(path, "std::make_unique<Process>(\n std::vector<std::string>{\"wrk\"});") == "wrk");
  CHECK(in(path, "  hook.exec = {\"/bin/ps\"}; \"hooks: [{exec: [/usr/bin/tail, -f]}]\"") ==
        "ps tail");
  CHECK(in(path, "std::vector<std::string> a = {\"jq\"}; b({\"no\"}); x = run(a);") == "jq");
  CHECK(
      in(path, "void f(std::vector<std::string> a) { a.insert(a.begin(), \"ss\"); y = run(a); }") ==
      "ss");
  CHECK(in(path, " run({switchback_program(), \"flip\"}); io.run({\"no\"}); // run({\"no\"})") ==
        "");
  const auto unclear = [&](const std::string& more) {
    const std::string text = "void f(std::vector<std::string> a) { x = run(a); }" + more;
    return starts_of(make_file(path, text)).unclear.size();
  };
  CHECK(unclear("") == 1);
  CHECK(unclear("  // starts: curl") == 0);
  CHECK(in(path, "// starts: curl wrk") == "curl wrk");
}

TEST_CASE("programs that Python scripts start are found") {
  CHECK(in("bench/a.py", "subprocess.run([\"ss\", x])\nshutil.which(\"wrk\", path=p)\n") ==
        "ss wrk");
  CHECK(in("bench/a", "#!/usr/bin/env python3\nsubprocess.Popen(\n [\"ps\"])\n") == "ps python3");
  CHECK(in("tests/a.py", "programs, a = (\"git\", \"nginx\"), (\"no\",)\n") == "git nginx");
  CHECK(in("bench/a.py", "return [\"h2load\", \"-n\", x]; y = [\"GET\", \"PUT\"]\n") == "h2load");
  CHECK(in("bench/a.py", "return [\"taskset\", \"-c\", cores, \"wrk\"]\n") == "taskset wrk");
}

TEST_CASE("a program without a package, or with one that no right set has, is a fault") {
  const Packages packages("essential: cat\ncurl: curl\nwrk: wrk\n");
  const Needs needs =
      needs_of("test curl cmd:curl\n  then echo \"bench wrk cmd:wrk\"; fi\nsay x y\n");
  CHECK(needs.size() == 2);
  const auto faults = [&](const std::string& path, const std::string& text) {
    std::string all;
    for (const auto& fault : programs_not_named(make_file(path, text), packages, needs))
      all += fault;
    return all;
  };
  CHECK(faults("tests/a.sh", "cat x | curl y\n") == "");
  CHECK_THAT(faults("tests/a.sh", "\nwrk x\n"), ContainsSubstring("tests/a.sh:2: starts wrk"));
  CHECK_THAT(faults("tests/a.sh", "jq\n"), ContainsSubstring("programs.txt does not say"));
  CHECK(faults("bench/a.sh", "wrk\n") == "");
  CHECK_THAT(faults("bench/a.sh", "curl\n"), ContainsSubstring("no curl in bench, build"));
}

}  // namespace
}  // namespace switchback::tidy
