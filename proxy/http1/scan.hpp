// The decoder's inner loops: sixteen bytes a step with SSE2 (every x86-64 has it), else one by one.
// None of them reads outside of [p, end).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace switchback::http1::scan {

// The first byte that may not stand in a field value: a control character other than a tab.
inline const char* value_end(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i tab = _mm_set1_epi8('\t');
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i stop = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                      _mm_cmpeq_epi8(bytes, del));
    const unsigned mask = static_cast<unsigned>(_mm_movemask_epi8(stop));
    if (mask != 0) return p + __builtin_ctz(mask);
    p += 16;
  }
#endif
  while (p < end) {
    const auto c = static_cast<unsigned char>(*p);
    if ((c < 0x20 && c != '\t') || c == 0x7f) break;
    ++p;
  }
  return p;
}

// The first byte that may not stand in a request target: a space, a control character, anything
// that is not ASCII, and '#'.
inline const char* target_end(const char* p, const char* end) {
#if defined(__SSE2__)
  // Compared as signed bytes, so that everything from 0x80 up is below the space.
  const __m128i first_visible = _mm_set1_epi8(0x21);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i hash = _mm_set1_epi8('#');
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i stop =
        _mm_or_si128(_mm_cmplt_epi8(bytes, first_visible),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, del), _mm_cmpeq_epi8(bytes, hash)));
    const unsigned mask = static_cast<unsigned>(_mm_movemask_epi8(stop));
    if (mask != 0) return p + __builtin_ctz(mask);
    p += 16;
  }
#endif
  while (p < end) {
    const auto c = static_cast<unsigned char>(*p);
    if (c <= 0x20 || c >= 0x7f || c == '#') break;
    ++p;
  }
  return p;
}

// The first colon within 32 bytes, or nullptr: there is none, or too little is left to look that
// way.
inline const char* near_colon(const char* p, const char* end) {
#if defined(__SSE2__)
  if (end - p < 32) return nullptr;
  const __m128i colon = _mm_set1_epi8(':');
  const __m128i front = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  unsigned mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(front, colon)));
  if (mask != 0) return p + __builtin_ctz(mask);
  const __m128i back = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16));
  mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(back, colon)));
  return mask != 0 ? p + 16 + __builtin_ctz(mask) : nullptr;
#else
  (void)p;
  (void)end;
  return nullptr;
#endif
}

}  // namespace switchback::http1::scan
