#include "admin/cli/exit_codes.hpp"

#include "admin/cli/json_view.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::cli;

namespace {
int of_problem(unsigned status, const char* text) {
  return exit_code_of_problem(status, parse_object(text));
}
int of_receipt(const char* text) {
  return exit_code_of_receipt(parse_object(text));
}
}  // namespace

TEST_CASE("a refusal's exit code says that nothing moved") {
  CHECK(of_problem(409, R"({"code":"nothing_to_roll_back_to","moved":false})") == 22);
  CHECK(of_problem(409, R"({"code":"standby_unfit","moved":false})") == 21);
  CHECK(of_problem(409, R"({"code":"gate_unsafe","moved":false})") == 20);
  CHECK(of_problem(412, R"({"code":"stale_epoch","moved":false})") == 10);
  CHECK(of_problem(404, "{}") == 10);
  CHECK(of_problem(401, R"({"code":"no_token"})") == 4);
  CHECK(of_problem(403, R"({"code":"standby_unfit"})") == 4);
}

TEST_CASE("a problem after traffic moved is in the thirties") {
  CHECK(of_problem(500, R"({"code":"whatever","moved":true})") == 30);
}

TEST_CASE("the server's own exit code wins, if it is one") {
  CHECK(of_problem(409, R"({"code":"standby_unfit","exit_code":33,"moved":true})") == 33);
  CHECK(of_problem(409, R"({"code":"standby_unfit","exit_code":0})") == 21);
  CHECK(of_problem(409, R"({"code":"standby_unfit","exit_code":"33"})") == 21);
}

TEST_CASE("a receipt's exit code") {
  CHECK(of_receipt(R"({"state":"switched","durable":true})") == 0);
  CHECK(of_receipt(R"({"state":"drained"})") == 0);
  CHECK(of_receipt(R"({"state":"switching","durable":true})") == 34);
  CHECK(of_receipt(R"({"state":"switching","durable":false})") == 34);
  CHECK(of_receipt(R"({"state":"drained","durable":false})") == 33);
  CHECK(of_receipt(R"({"state":"regressed"})") == 30);
  CHECK(of_receipt(R"({"state":"unverified"})") == 31);
  CHECK(of_receipt(R"({"state":"drained","durable":false,"already":true})") == 0);
}
