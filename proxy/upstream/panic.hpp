// Where checks alone would empty a pool, the servers that fail them but accept connections are used
// all the same: the last ones standing.
//
// An application whose workers are all busy fails its checks and still answers, late; a pool
// without a server answers nobody. What accepts no connection is never used: nobody is there. The
// share is what Envoy calls a panic threshold. Sans-IO.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "proxy/base/color.hpp"

namespace switchback::upstream {

// Of a pool's servers that have a weight, by what their checks say.
struct PoolHealth {
  std::size_t usable = 0;   // healthy, or not checked yet
  std::size_t failing = 0;  // accept connections, fail their checks
  std::size_t unreachable = 0;
  std::size_t servers() const { return usable + failing + unreachable; }
};

// `share`: health_check.panic, per cent; none: never.
inline bool in_panic(const PoolHealth& pool, std::optional<unsigned> share) {
  return share && pool.failing > 0 && pool.usable * 100 <= pool.servers() * *share;
}

// A pool began, or ended, to use servers that fail their checks.
struct PanicChange {
  std::string service;
  Color color = Color::blue;
  bool panic = false;
  PoolHealth pool;
};

}  // namespace switchback::upstream
