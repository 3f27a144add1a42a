#include "proxy/proxy_protocol/crc32c.hpp"

#include <array>

namespace switchback::proxy_protocol {
namespace {

constexpr auto make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto table = make_table();

}  // namespace

std::uint32_t crc32c_add(std::uint32_t state, const char* data, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    state = (state >> 8) ^ table[(state ^ static_cast<unsigned char>(data[i])) & 0xff];
  return state;
}

}  // namespace switchback::proxy_protocol
