#include "proxy/http/lapse.hpp"

#include <array>

#include "proxy/base/assert.hpp"

namespace switchback::http {

std::string_view name_of(Lapse lapse) {
  static constexpr std::array<std::string_view, lapse_count> names{
      "line_feed",       "empty_line", "status_line", "control_byte",    "folded_line",
      "repeated_length", "chunk_line", "old_chunked", "identity_coding", "connection_option"};
  static_assert(!names.back().empty());
  const auto index = static_cast<std::size_t>(lapse);
  SB_ASSERT(index < lapse_count);
  return names[index];
}

}  // namespace switchback::http
