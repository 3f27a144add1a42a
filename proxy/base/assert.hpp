// Always-on assertions: a broken invariant ends the process with a line that names the place,
// in every build. For programming errors only, never for anything a stranger can send.
#pragma once

namespace switchback {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

#define SB_ASSERT(expr)                                                                     \
  (__builtin_expect(!(expr), 0) ? ::switchback::assertion_failed(#expr, __FILE__, __LINE__) \
                                : (void)0)
