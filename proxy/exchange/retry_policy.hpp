// When an attempt may be repeated. Pure: facts in, verdict out.
//
// RFC 9110 §9.2.2 (idempotent methods may be repeated when the connection failed before a
// response was read) narrowed: never after a response byte, never after a server had the request
// and let time run out, never what cannot be sent again to the letter.
#pragma once

#include <cstdint>

#include "proxy/http/reject.hpp"

namespace switchback::exchange {

struct RetryFacts {
  http::Reason failure = http::Reason::none;
  bool wrote = false;           // at least one byte of the request went to the server
  bool reused = false;          // on a connection that had served before
  bool method_allowed = false;  // retries.methods
  bool replayable = false;      // no body yet, or all of what was sent is kept
  bool free_retry_used = false;
  unsigned attempts_used = 0;     // counted extra attempts so far
  unsigned attempts_allowed = 0;  // retries.attempts
};

enum class RetryVerdict : std::uint8_t {
  give_up,
  free,     // a stale kept connection: once a request, on a fresh connection, not counted
  counted,  // another server if there is one
};

RetryVerdict judge_retry(const RetryFacts& facts);

}  // namespace switchback::exchange
