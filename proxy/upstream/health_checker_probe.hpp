// One check of one server, as a coroutine: connect, say the PROXY header, shake hands by TLS (both
// as the pool wants it), and ask over HTTP if the check has a path.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "proxy/upstream/server_state.hpp"
#include "proxy/upstream/wire.hpp"

namespace switchback::upstream {

struct ProbeResult {
  bool passed = false;
  bool connected = false;
  // The fault is ours (no descriptors, no memory): it says nothing about the server.
  bool inconclusive = false;
  std::string reason;       // of a failure, e.g. "GET /healthz: status 503, wanted 200-399"
  std::size_t address = 0;  // index of the candidate that accepted
};

// Tries the candidates in order until one accepts; all share check.timeout. The answer is read by
// the decoders and rules of traffic (AnswerReader): what traffic would be refused for fails the
// check with that cause. At most 64 KiB of a body are looked at, and one that goes on when
// check.timeout is over is no fault. A TLS handshake is always a full one, so that a certificate
// that has expired since is noticed; `server` is whom to expect.
boost::asio::awaitable<ProbeResult> probe_server(std::vector<ResolvedAddress> candidates,
                                                 config::HealthCheck check, std::string host_field,
                                                 Wire wire = {}, config::Address server = {});

}  // namespace switchback::upstream
