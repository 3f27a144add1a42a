// One slot: the 512 bytes that say which color a service is on, and what a rollback would undo.
//
// Layout, little endian, no padding left to the compiler:
//   0 magic[8] "SBSLOT\r\n" | 8 version u32 | 12 sequence u64 | 20 epoch u64 | 28 color u8
//   29 last u8 | 30 flags u8 (1 restated) | 31 reserved u8 | 32 state id[32] (hex)
//   64 wall_us i64 | 72 flip[26] | 98 service (u8 length + 63) | 162 release (u8 length + 127)
//   290 from_release (u8 length + 127) | … zero … | 508 CRC32C u32 of bytes 0..507
// Names longer than their field are cut: they are for people, the color and the epoch decide.
// Errors: decode answers nullopt for anything that is not wholly valid.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "proxy/base/color.hpp"

namespace switchback::state {

inline constexpr std::size_t slot_size = 512;
inline constexpr std::size_t state_id_size = 32;  // hex digits
using SlotBytes = std::array<std::uint8_t, slot_size>;

// What the newest switch of the service was; all that a rollback must know to work without a
// ledger.
enum class LastSwitch : std::uint8_t { none, promotion, rollback };

struct SlotValue {
  std::uint64_t epoch = 0;
  Color active = Color::blue;
  LastSwitch last = LastSwitch::none;
  bool restated = false;     // a refused promote was written back: same facts, higher epoch
  std::string flip;          // ULID of the switch that made `active` active; empty: none
  std::string release;       // of the active color at that switch
  std::string from_release;  // of the color it left: what a rollback goes back to
  std::int64_t wall_us = 0;  // when, for display
  friend bool operator==(const SlotValue&, const SlotValue&) = default;
};

struct DecodedSlot {
  SlotValue value;
  std::uint64_t sequence = 0;  // grows with every write to the file
};

SlotBytes encode_slot(const SlotValue& value, std::uint64_t sequence, const std::string& state_id,
                      const std::string& service);
// nullopt: torn, foreign (another state id or service), of another version, or no slot at all.
std::optional<DecodedSlot> decode_slot(std::span<const std::uint8_t> bytes,
                                       const std::string& state_id, const std::string& service);

// CRC-32C (Castagnoli, reflected, RFC 3720 B.4).
std::uint32_t crc32c(std::span<const std::uint8_t> bytes);

}  // namespace switchback::state
