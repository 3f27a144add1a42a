// What a server announces about its kept connections: "Keep-Alive: timeout=5, max=100". No RFC has
// it any more (RFC 2068 §19.7.1.1 had), but Node, Apache and others send it and mean it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/http/chars.hpp"
#include "proxy/http/head.hpp"

namespace switchback::http {

struct KeepAliveHint {
  std::optional<std::uint32_t> timeout_s;  // idle; then the server closes
  std::optional<std::uint32_t> max;        // further requests
};

// Unknown parameters and numbers that are none are passed over.
inline KeepAliveHint keep_alive_hint(std::string_view value) {
  KeepAliveHint hint;
  while (!value.empty()) {
    const std::string_view element = next_element(value);
    const std::size_t equals = element.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trim_ows(element.substr(0, equals));
    std::string_view text = trim_ows(element.substr(equals + 1));
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
      text = text.substr(1, text.size() - 2);
    }
    std::uint32_t number = 0;
    const char* const stop = text.data() + text.size();
    const auto [end, fault] = std::from_chars(text.data(), stop, number);
    if (text.empty() || end != stop || fault != std::errc{}) continue;
    if (iequals(name, "timeout")) hint.timeout_s = number;
    if (iequals(name, "max")) hint.max = number;
  }
  return hint;
}

// How long a connection may be kept when its server closes after that: ahead of it by a quarter,
// at most a second, since the server's clock began earlier and a request takes its time to arrive.
inline Nanos kept_within(std::uint32_t timeout_s) {
  const Nanos whole = static_cast<Nanos>(timeout_s) * 1'000'000'000;
  return whole - std::min<Nanos>(whole / 4, 1'000'000'000);
}

}  // namespace switchback::http
