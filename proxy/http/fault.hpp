// What is wrong with a message, more closely than its Reason says: for access records, the admin
// plane and the reasons of checks. One closed list; text_of() is for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace switchback::http {

enum class Fault : std::uint8_t {
  none,
  not_http,
  bad_status,
  no_space_after_status,
  line_feed,
  bare_cr,
  nul_byte,
  control_byte,
  no_colon,
  bad_name,
  empty_name,
  long_name,
  folded_line,
  folded_framing,
  empty_fold,
  head_too_large,
  too_many_fields,
  repeated_length,
  two_lengths,
  bad_length,
  length_and_coding,
  unknown_coding,
  old_chunked,
  interim_body,
  bad_connection,
  connection_names,
  no_upgrade,
  old_switch,
  unasked_switch,
  interim_flood,
  chunk_size,
  chunk_line,
  chunk_end,
  trailers_too_large,
  head_cut,
  body_cut,
  count_
};

std::string_view text_of(Fault fault);  // "a line ends with LF alone"; "" for none

// Where it stands. In a head: line and byte of the message, both from 1. In a body: line 0, and the
// byte of the body as it was sent, chunk sizes included. All 0: nowhere in particular.
struct Place {
  std::uint32_t line = 0;
  std::uint64_t byte = 0;
};
// Of the byte `offset` bytes behind `data`, in a head.
Place place_in(const char* data, std::size_t offset);

// "a line ends with LF alone (line 2, byte 17)"
std::string describe(std::string_view text, Place place);
// The same into memory of the caller's; what does not fit is left out.
std::string_view describe(std::string_view text, Place place, char* out, std::size_t room);

}  // namespace switchback::http
