// Message heads as the data plane passes them on: views into the receive buffer, no copies.
//
// The same shape for every HTTP version: decoders fill it, exchange reads it, encoders write it.
// Lifetime: views are valid while the buffer that was parsed is held; Field arrays are lent by the
// caller of the decoder (FieldTable). Source of terms: RFC 9110.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/http/lapse.hpp"

namespace switchback::http {

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  other
};

// Fields the proxy itself has to know. Everything else is `other` and passes untouched.
enum class FieldId : std::uint8_t {
  other,
  host,
  connection,
  keep_alive,
  proxy_connection,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  content_length,
  expect,
  via,
  date,
  server,
  content_type,
  cookie,
  user_agent,
  referer,
  forwarded,
  x_forwarded_for,
  x_forwarded_proto,
  x_forwarded_host,
  x_forwarded_port,
  x_real_ip,
  x_request_id,
  traceparent,
  tracestate,
  max_forwards,
  authorization,
  location,
  retry_after,
  proxy_authorization,
  proxy_authenticate,
  sec_websocket_key,
  http2_settings,
  www_authenticate,
};
inline constexpr unsigned field_id_count = static_cast<unsigned>(FieldId::www_authenticate) + 1;
static_assert(field_id_count <= 64);  // sets of ids are one word

// Sets of field ids, one bit each.
constexpr std::uint64_t bit_of(FieldId id) {
  return std::uint64_t{1} << static_cast<unsigned>(id);
}

// Sets of names, one of 64 bits each, whatever their case: a name may be taken for one of the set
// that is not in it, never the other way round.
std::uint64_t name_bit(std::string_view name);

struct Field {
  const char* name_data;
  const char* value_data;  // OWS trimmed
  std::uint32_t value_size;
  std::uint16_t name_size;
  FieldId id;
  bool drop;  // hop-by-hop, or named by Connection: not forwarded
  std::string_view name() const { return {name_data, name_size}; }
  std::string_view value() const { return {value_data, value_size}; }
};
static_assert(sizeof(Field) == 24);

// A hard ceiling; limits.fields is checked by the decoder.
inline constexpr std::size_t max_fields = 256;

// Lent to a decoder and kept, unmoved, as long as the head is used.
struct FieldTable {
  std::array<Field, max_fields> fields;
  std::array<char, 1024> scratch;  // a target that had to be put together ("http://a?b" is "/?b")
};

enum class BodyKind : std::uint8_t {
  none,         // no body follows
  length,       // exactly content_length bytes
  chunked,      // unknown length, explicit end (chunked, or an HTTP/2 stream's end)
  until_close,  // responses only: ends with the connection
};

struct RequestHead {
  Method method = Method::other;
  std::string_view method_text;
  std::uint32_t head_bytes = 0;    // as received; for limits that differ by service
  std::string_view target;         // origin-form path and query ("/a?b"), or "*" for OPTIONS
  std::string_view authority;      // Host's value, or the target's authority in absolute-form
  std::uint8_t minor_version = 1;  // HTTP/1.minor; 1 for later versions
  bool keep_alive = true;          // what the client asks for this connection
  bool expect_continue = false;
  bool upgrade = false;       // Upgrade and Connection: upgrade both there
  bool te_trailers = false;   // TE: trailers
  bool https_target = false;  // absolute-form with https:
  bool utf8_target = false;   // bytes above ASCII in the target were percent-encoded
  std::string_view upgrade_protocol;
  BodyKind body = BodyKind::none;
  std::uint64_t content_length = 0;
  std::span<Field> fields;
  std::uint64_t present = 0;  // ids among the fields, bit_of each; 0: not recorded
  std::uint64_t named = 0;    // what Connection names, by name_bit: trailers not passed on
  const Field* find(FieldId id) const;  // first with that id, dropped or not; nullptr if none
  const Field* find(std::string_view lower_case_name) const;
};

struct ResponseHead {
  unsigned status = 0;
  std::string_view reason;
  std::uint8_t minor_version = 1;
  bool keep_alive = true;            // the server's connection may be used again
  bool upgrade = false;              // 101 with Upgrade
  BodyKind body = BodyKind::none;    // resolved with the request's method (HEAD, 204, 304, 1xx)
  std::uint64_t content_length = 0;  // also set for HEAD/304 with the field; body is none then
  std::span<Field> fields;
  std::uint64_t present = 0;  // as in RequestHead
  std::uint64_t named = 0;    // as in RequestHead
  Lapses lapses = 0;          // what was forgiven
  const Field* find(FieldId id) const;
};

Method method_of(std::string_view text);
// Case-insensitive; `other` when not known.
FieldId field_id(const char* name, std::size_t size);
bool iequals(std::string_view a, std::string_view b);

}  // namespace switchback::http
