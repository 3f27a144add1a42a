// CRC-32C (Castagnoli), reflected, as PP2_TYPE_CRC32C wants it (RFC 4960 Appendix B).
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchback::proxy_protocol {

// Begin with ~0u, feed pieces in order, complement the last value.
std::uint32_t crc32c_add(std::uint32_t state, const char* data, std::size_t size);

inline std::uint32_t crc32c(const char* data, std::size_t size) {
  return ~crc32c_add(~std::uint32_t{0}, data, size);
}

}  // namespace switchback::proxy_protocol
