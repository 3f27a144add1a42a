// Access records as text: JSON that is valid UTF-8 whatever a client sent, and combined log format.
#include <array>
#include <charconv>
#include <ctime>

#include "proxy/log/access_log.hpp"

namespace switchback::log {
namespace {

template <class Integer>
void put_number(Integer n, std::string& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, end);
}

void put_padded(unsigned n, unsigned width, std::string& out) {
  char digits[8];
  for (unsigned i = width; i > 0; --i, n /= 10) digits[i - 1] = static_cast<char>('0' + n % 10);
  out.append(digits, width);
}

// Milliseconds with three decimals, as a JSON number.
void put_ms(Nanos ns, std::string& out) {
  const std::uint64_t us = ns <= 0 ? 0 : static_cast<std::uint64_t>(ns) / 1000;
  put_number(us / 1000, out);
  out += '.';
  put_padded(static_cast<unsigned>(us % 1000), 3, out);
}

// Broken-down UTC time, kept per thread while the second stays the same.
const std::tm& utc(std::int64_t seconds) {
  thread_local std::int64_t kept_second = INT64_MIN;
  thread_local std::tm kept{};
  if (seconds != kept_second) {
    const auto t = static_cast<std::time_t>(seconds);
    ::gmtime_r(&t, &kept);
    kept_second = seconds;
  }
  return kept;
}

std::int64_t floor_seconds(std::int64_t us) {
  return us / 1'000'000 - (us % 1'000'000 < 0);
}

// 2026-11-22T14:02:07.123456Z
void put_time(std::int64_t wall_us, std::string& out) {
  const std::int64_t second = floor_seconds(wall_us);
  const std::tm& t = utc(second);
  put_padded(static_cast<unsigned>(t.tm_year + 1900), 4, out);
  out += '-';
  put_padded(static_cast<unsigned>(t.tm_mon + 1), 2, out);
  out += '-';
  put_padded(static_cast<unsigned>(t.tm_mday), 2, out);
  out += 'T';
  put_padded(static_cast<unsigned>(t.tm_hour), 2, out);
  out += ':';
  put_padded(static_cast<unsigned>(t.tm_min), 2, out);
  out += ':';
  put_padded(static_cast<unsigned>(t.tm_sec), 2, out);
  out += '.';
  put_padded(static_cast<unsigned>(wall_us - second * 1'000'000), 6, out);
  out += 'Z';
}

constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x7F; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr auto plain = make_plain();

// Length of the well-formed UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF), or 0.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto is_tail = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first >= 0xC2 && first <= 0xDF) return is_tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool second = first == 0xE0   ? byte(1) >= 0xA0 && byte(1) <= 0xBF
                        : first == 0xED ? byte(1) >= 0x80 && byte(1) <= 0x9F
                                        : is_tail(1);
    return second && is_tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool second = first == 0xF0   ? byte(1) >= 0x90 && byte(1) <= 0xBF
                        : first == 0xF4 ? byte(1) >= 0x80 && byte(1) <= 0x8F
                                        : is_tail(1);
    return second && is_tail(2) && is_tail(3) ? 4 : 0;
  }
  return 0;
}

void put_escape(unsigned char c, std::string& out) {
  static constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (c >= 0x80) {
    out += "\\ufffd";
    return;
  }
  out += "\\u00";
  out += hex[c >> 4];
  out += hex[c & 15];
}

void put_string(std::string_view text, std::string& out) {
  out += '"';
  std::size_t done = 0, at = 0;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (plain[c]) {
      ++at;
      continue;
    }
    if (const std::size_t length = c >= 0x80 ? utf8_length(text, at) : 0; length != 0) {
      at += length;
      continue;
    }
    out.append(text.substr(done, at - done));
    put_escape(c, out);
    done = ++at;
  }
  out.append(text.substr(done));
  out += '"';
}

// `key` is the piece before the value, such as `,"host":`.
void put_field(std::string_view key, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out += key;
  put_string(value, out);
}
template <class Integer>
void put_count(std::string_view key, Integer value, std::string& out) {
  out += key;
  put_number(value, out);
}
void put_duration(std::string_view key, Nanos value, std::string& out) {
  out += key;
  put_ms(value, out);
}

void put_protocol(const AccessRecord& record, std::string& out) {
  out += "HTTP/1.";
  put_number(record.minor_version, out);
}

// As nginx and Apache do: bytes that could end the quotes or the line become \xHH.
void put_quoted(std::string_view text, std::string& out) {
  static constexpr char hex[] = "0123456789ABCDEF";
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    if (plain[c]) {
      out += ch;
      continue;
    }
    out += "\\x";
    out += hex[c >> 4];
    out += hex[c & 15];
  }
}

// [22/Nov/2026:14:02:07 +0000]
void put_common_time(std::int64_t wall_us, std::string& out) {
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::tm& t = utc(floor_seconds(wall_us));
  out += '[';
  put_padded(static_cast<unsigned>(t.tm_mday), 2, out);
  out += '/';
  out += months.substr(static_cast<std::size_t>(t.tm_mon) * 3, 3);
  out += '/';
  put_padded(static_cast<unsigned>(t.tm_year + 1900), 4, out);
  out += ':';
  put_padded(static_cast<unsigned>(t.tm_hour), 2, out);
  out += ':';
  put_padded(static_cast<unsigned>(t.tm_min), 2, out);
  out += ':';
  put_padded(static_cast<unsigned>(t.tm_sec), 2, out);
  out += " +0000]";
}

}  // namespace

void format_json(const AccessRecord& r, std::string& out) {
  out += "{\"time\":\"";
  put_time(r.wall_us, out);
  out += '"';
  put_field(",\"client\":", r.client, out);
  put_field(",\"peer\":", r.peer, out);
  put_field(",\"method\":", r.method, out);
  put_field(",\"host\":", r.host, out);
  put_field(",\"target\":", r.target, out);
  out += ",\"protocol\":\"";
  put_protocol(r, out);
  out += '"';
  put_count(",\"status\":", r.status, out);
  put_field(",\"service\":", r.service, out);
  if (r.has_color) {
    put_field(",\"color\":", to_string(r.color), out);
    put_count(",\"epoch\":", r.epoch, out);
  }
  put_field(",\"server\":", r.server, out);
  put_field(",\"class\":", r.traffic_class, out);
  put_count(",\"retries\":", r.retries, out);
  put_count(",\"bytes_in\":", r.bytes_in, out);
  put_count(",\"bytes_out\":", r.bytes_out, out);
  put_duration(",\"wait_ms\":", r.wait_ns, out);
  put_duration(",\"connect_ms\":", r.connect_ns, out);
  put_duration(",\"first_byte_ms\":", r.first_byte_ns, out);
  put_duration(",\"total_ms\":", r.total_ns, out);
  put_field(",\"request_id\":", r.request_id, out);
  put_field(",\"trace_id\":", r.trace_id, out);
  if (r.reason != http::Reason::none) put_field(",\"reason\":", http::name_of(r.reason), out);
  put_field(",\"detail\":", r.detail, out);
  put_field(",\"tls\":", r.tls_version, out);
  put_field(",\"cipher\":", r.tls_cipher, out);
  put_field(",\"sni\":", r.tls_name, out);
  put_field(",\"user_agent\":", r.user_agent, out);
  put_field(",\"referer\":", r.referer, out);
  out += '}';
}

void format_text(const AccessRecord& r, std::string& out) {
  if (r.client.empty()) {
    out += '-';
  } else {
    put_quoted(r.client, out);
  }
  out += " - - ";
  put_common_time(r.wall_us, out);
  out += " \"";
  if (r.method.empty() && r.target.empty()) {
    out += '-';
  } else {
    put_quoted(r.method, out);
    out += ' ';
    put_quoted(r.target, out);
    out += ' ';
    put_protocol(r, out);
  }
  out += "\" ";
  put_number(r.status, out);
  out += ' ';
  put_number(r.bytes_out, out);
  for (const auto text : {r.referer, r.user_agent}) {
    out += " \"";
    if (text.empty()) out += '-';
    put_quoted(text, out);
    out += '"';
  }
}

}  // namespace switchback::log
