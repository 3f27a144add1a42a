// One request, asked and waited for: what the target says before any load is put on it.
#pragma once

#include <string>

#include "bench/switchover/color_reader.hpp"
#include "bench/switchover/link.hpp"
#include "bench/switchover/target.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::bench {

struct ProbeAnswer {
  std::string error;  // "" : an answer came
  unsigned status = 0;
  std::string header_value, body;
};

// `text`: a whole request (target.hpp). Blocks for at most `timeout`.
ProbeAnswer probe(const Target& target, const TlsContext& tls, const std::string& text,
                  const ColorReader& colors, Nanos timeout);

}  // namespace switchback::bench
