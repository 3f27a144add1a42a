#include "admin/state/slot.hpp"

#include <algorithm>
#include <cstring>

namespace switchback::state {
namespace {

constexpr std::uint8_t magic[8] = {'S', 'B', 'S', 'L', 'O', 'T', '\r', '\n'};
constexpr std::uint32_t version = 1;
constexpr std::uint8_t flag_restated = 1;

constexpr std::size_t at_version = 8, at_sequence = 12, at_epoch = 20, at_color = 28, at_last = 29,
                      at_flags = 30, at_state_id = 32, at_wall = 64, at_flip = 72, at_service = 98,
                      at_release = 162, at_from_release = 290, at_crc = 508;
constexpr std::size_t flip_size = 26, service_size = 63, release_size = 127;

template <class T>
void put(SlotBytes& out, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out[at + i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i));
}

template <class T>
T get(std::span<const std::uint8_t> in, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{in[at + i]} << (8 * i);
  return static_cast<T>(value);
}

void put_text(SlotBytes& out, std::size_t at, std::size_t most, const std::string& text) {
  const std::size_t size = std::min(most, text.size());
  out[at] = static_cast<std::uint8_t>(size);
  std::memcpy(out.data() + at + 1, text.data(), size);
}

std::string get_text(std::span<const std::uint8_t> in, std::size_t at, std::size_t most) {
  const std::size_t size = std::min<std::size_t>(most, in[at]);
  return {reinterpret_cast<const char*>(in.data()) + at + 1, size};
}

// Fixed fields are filled up with zeros.
std::string get_fixed(std::span<const std::uint8_t> in, std::size_t at, std::size_t size) {
  const auto* begin = reinterpret_cast<const char*>(in.data()) + at;
  return {begin, std::find(begin, begin + size, '\0')};
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82F63B78u : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr auto crc_table = make_crc_table();

}  // namespace

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = ~0u;
  for (std::uint8_t byte : bytes) crc = crc >> 8 ^ crc_table[(crc ^ byte) & 0xff];
  return ~crc;
}

SlotBytes encode_slot(const SlotValue& value, std::uint64_t sequence, const std::string& state_id,
                      const std::string& service) {
  SlotBytes out{};
  std::memcpy(out.data(), magic, sizeof magic);
  put(out, at_version, version);
  put(out, at_sequence, sequence);
  put(out, at_epoch, value.epoch);
  put(out, at_color, static_cast<std::uint8_t>(value.active));
  put(out, at_last, static_cast<std::uint8_t>(value.last));
  put(out, at_flags, static_cast<std::uint8_t>(value.restated ? flag_restated : 0));
  std::memcpy(out.data() + at_state_id, state_id.data(), std::min(state_id_size, state_id.size()));
  put(out, at_wall, value.wall_us);
  std::memcpy(out.data() + at_flip, value.flip.data(), std::min(flip_size, value.flip.size()));
  put_text(out, at_service, service_size, service);
  put_text(out, at_release, release_size, value.release);
  put_text(out, at_from_release, release_size, value.from_release);
  put(out, at_crc, crc32c(std::span(out).first(at_crc)));
  return out;
}

std::optional<DecodedSlot> decode_slot(std::span<const std::uint8_t> bytes,
                                       const std::string& state_id, const std::string& service) {
  if (bytes.size() != slot_size) return std::nullopt;
  if (std::memcmp(bytes.data(), magic, sizeof magic) != 0) return std::nullopt;
  if (get<std::uint32_t>(bytes, at_crc) != crc32c(bytes.first(at_crc))) return std::nullopt;
  if (get<std::uint32_t>(bytes, at_version) != version) return std::nullopt;
  if (get_fixed(bytes, at_state_id, state_id_size) != state_id) return std::nullopt;
  if (get_text(bytes, at_service, service_size) != service) return std::nullopt;
  const auto color = bytes[at_color];
  const auto last = bytes[at_last];
  if (color > 1 || last > static_cast<std::uint8_t>(LastSwitch::rollback)) return std::nullopt;

  DecodedSlot slot;
  slot.sequence = get<std::uint64_t>(bytes, at_sequence);
  slot.value.epoch = get<std::uint64_t>(bytes, at_epoch);
  slot.value.active = static_cast<Color>(color);
  slot.value.last = static_cast<LastSwitch>(last);
  slot.value.restated = (bytes[at_flags] & flag_restated) != 0;
  slot.value.flip = get_fixed(bytes, at_flip, flip_size);
  slot.value.release = get_text(bytes, at_release, release_size);
  slot.value.from_release = get_text(bytes, at_from_release, release_size);
  slot.value.wall_us = get<std::int64_t>(bytes, at_wall);
  return slot;
}

}  // namespace switchback::state
