#include "admin/verify/checks.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::verify;

namespace {

std::shared_ptr<const ProbePlan> probe(const char* name, unsigned needed, unsigned of,
                                       bool identity = false) {
  auto out = std::make_shared<ProbePlan>();
  out->name = name;
  out->pass_needed = needed;
  out->pass_of = of;
  out->identity = identity;
  return out;
}

Judged status(unsigned code) {
  ProbeAnswer out;
  out.status = code;
  return judged({}, out);
}

Judged silence() {
  ProbeAnswer out;
  out.error = "no answer in 2000ms";
  return judged({}, out);
}

using By = CheckBoard::By;

}  // namespace

TEST_CASE("answers from before the switch count, but one after it is needed") {
  CheckBoard board;
  board.set_probes({probe("health", 3, 3)});
  CHECK(board.reports(By::newest)[0].observed == "no healthy server to ask");
  board.set_servers({"a"});
  for (int i = 0; i < 3; ++i) board.record(0, "a", status(200));
  CHECK(board.reports(By::rule)[0].ok);
  board.mark();
  CHECK_FALSE(board.reports(By::rule)[0].ok);
  board.record(0, "a", status(200));
  CHECK(board.reports(By::rule)[0].ok);
  board.record(0, "a", status(500));
  CHECK_FALSE(board.reports(By::rule)[0].ok);
  CHECK(board.reports(By::rule)[0].observed == "status 500");
}

TEST_CASE("every server has to pass; one that left is forgotten") {
  CheckBoard board;
  board.set_probes({probe("health", 1, 1)});
  board.set_servers({"a", "b"});
  board.record(0, "a", status(200));
  CHECK_FALSE(board.reports(By::newest)[0].ok);  // b has not answered yet
  board.record(0, "b", status(503));
  CHECK(board.reports(By::newest)[0].server == "b");
  board.set_servers({"a"});
  CHECK(board.reports(By::newest)[0].ok);
  board.record(0, "b", status(200));  // a late answer
  CHECK(board.reports(By::newest)[0].ok);
}

TEST_CASE("wrong answers prove, missing ones do not") {
  CheckBoard board;
  board.set_probes({probe("version", 1, 1, true)});
  board.set_servers({"a"});
  for (unsigned i = 0; i < 20; ++i) board.record(0, "a", silence());
  CHECK_FALSE(board.proved_wrong());
  CHECK_FALSE(board.answered_wrongly());
  CHECK(board.identity() == Identity::unknown);
  for (unsigned i = 0; i + 1 < CheckBoard::wrong_is_proof; ++i) board.record(0, "a", status(500));
  CHECK_FALSE(board.proved_wrong());
  CHECK(board.answered_wrongly());
  CHECK(board.identity() == Identity::differs);
  board.record(0, "a", status(500));
  CHECK(board.proved_wrong());
  board.record(0, "a", status(200));
  CHECK(board.identity() == Identity::matches);
  for (unsigned i = 0; i < 20; ++i) board.record(0, "a", status(500));
  CHECK_FALSE(board.proved_wrong());  // it was good once since the mark: not hopeless
  board.mark();
  for (unsigned i = 0; i < CheckBoard::wrong_is_proof; ++i) board.record(0, "a", status(500));
  CHECK(board.proved_wrong());
}
