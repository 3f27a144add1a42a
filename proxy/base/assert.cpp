#include "proxy/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace switchback {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "switchback: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace switchback
