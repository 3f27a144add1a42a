// Numbers with their units, as people write them in switchback.yaml, and back.
//
// Strict on purpose: YAML 1.1 reads 0123 as octal 83 and 1_000 as a thousand; here a leading zero
// is a fault that says so. Errors: a Fault instead of a value, never an exception.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "config/diagnostic.hpp"
#include "config/model.hpp"

namespace switchback::config {

template <typename T>
using Parsed = std::variant<T, Fault>;

// True for 0123, 00, 0o17, 0x1f: digits that two readers could take for two numbers.
bool looks_octal(std::string_view text);

Parsed<std::uint64_t> parse_count(std::string_view text);
Parsed<Duration> parse_duration(std::string_view text);   // 250ms, 5s, 1m, 1h, 1d; 0 alone
Parsed<std::uint64_t> parse_size(std::string_view text);  // 64KiB, 1MiB, 1GiB, 512B; 0 alone

std::string format_duration(Duration value);  // the largest unit that leaves a whole number
std::string format_size(std::uint64_t bytes);

}  // namespace switchback::config
