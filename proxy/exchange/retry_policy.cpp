#include "proxy/exchange/retry_policy.hpp"

namespace switchback::exchange {

namespace {
// The server closed or reset the connection without a byte: what a keep-alive race looks like.
bool connection_lost(http::Reason reason) {
  return reason == http::Reason::server_reset || reason == http::Reason::server_closed ||
         reason == http::Reason::server_write_failed;
}

bool connect_failure(http::Reason reason) {
  return reason == http::Reason::connect_refused || reason == http::Reason::connect_failed ||
         reason == http::Reason::connect_timeout || reason == http::Reason::server_tls_failed;
}
}  // namespace

RetryVerdict judge_retry(const RetryFacts& facts) {
  if (!connection_lost(facts.failure) && !connect_failure(facts.failure)) {
    return RetryVerdict::give_up;
  }
  if (!facts.replayable) return RetryVerdict::give_up;
  if (facts.wrote && !facts.method_allowed) return RetryVerdict::give_up;
  if (facts.reused && connection_lost(facts.failure) && !facts.free_retry_used) {
    return RetryVerdict::free;
  }
  return facts.attempts_used < facts.attempts_allowed ? RetryVerdict::counted
                                                      : RetryVerdict::give_up;
}

}  // namespace switchback::exchange
