#include "proxy/exchange/retry_policy.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using exchange::judge_retry;
using exchange::RetryFacts;
using exchange::RetryVerdict;
using http::Reason;

namespace {
RetryFacts facts(Reason failure) {
  RetryFacts f;
  f.failure = failure;
  f.method_allowed = true;
  f.replayable = true;
  f.attempts_allowed = 1;
  return f;
}
}  // namespace

TEST_CASE("a stale kept connection gets one free repeat") {
  RetryFacts f = facts(Reason::server_closed);
  f.wrote = f.reused = true;
  f.attempts_allowed = 0;
  CHECK(judge_retry(f) == RetryVerdict::free);
  f.free_retry_used = true;
  CHECK(judge_retry(f) == RetryVerdict::give_up);
  f.attempts_allowed = 1;
  CHECK(judge_retry(f) == RetryVerdict::counted);
  f.attempts_used = 1;
  CHECK(judge_retry(f) == RetryVerdict::give_up);
}

TEST_CASE("what was written and must not be repeated is given up") {
  for (const Reason reason :
       {Reason::server_closed, Reason::server_reset, Reason::server_write_failed}) {
    RetryFacts f = facts(reason);
    f.wrote = true;
    f.method_allowed = false;
    f.reused = true;
    CHECK(judge_retry(f) == RetryVerdict::give_up);
    f.wrote = false;  // nothing left the house: any method may go again
    CHECK(judge_retry(f) == RetryVerdict::free);
  }
}

TEST_CASE("a body that is not kept whole cannot be sent again") {
  RetryFacts f = facts(Reason::server_reset);
  f.replayable = false;
  CHECK(judge_retry(f) == RetryVerdict::give_up);
}

TEST_CASE("silence, garbage and broken answers are never repeated") {
  for (const Reason reason : {Reason::response_timeout, Reason::bad_response,
                              Reason::response_truncated, Reason::response_too_large,
                              Reason::client_reset, Reason::drain_forced, Reason::no_server}) {
    RetryFacts f = facts(reason);
    f.attempts_allowed = 9;
    CHECK(judge_retry(f) == RetryVerdict::give_up);
  }
}

TEST_CASE("a connect that failed has sent nothing: any method may try another server") {
  for (const Reason reason :
       {Reason::connect_refused, Reason::connect_failed, Reason::connect_timeout}) {
    RetryFacts f = facts(reason);
    f.method_allowed = false;
    CHECK(judge_retry(f) == RetryVerdict::counted);
    f.attempts_used = 1;
    CHECK(judge_retry(f) == RetryVerdict::give_up);
  }
}
