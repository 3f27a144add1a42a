#include "admin/http/framing.hpp"

#include <algorithm>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>

#include "admin/http/message.hpp"

namespace switchback::web {

namespace bhttp = boost::beast::http;

namespace {

std::size_t count(const RequestHead& head, bhttp::field name) {
  const auto range = head.equal_range(name);
  return static_cast<std::size_t>(std::distance(range.first, range.second));
}

std::size_t count(const RequestHead& head, boost::beast::string_view name) {
  const auto range = head.equal_range(name);
  return static_cast<std::size_t>(std::distance(range.first, range.second));
}

}  // namespace

Fault framing_fault(const RequestHead& head, std::size_t body_limit) {
  if (head.version() != 10 && head.version() != 11) {
    return {505, "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
  }
  const auto codings = count(head, bhttp::field::transfer_encoding);
  const auto lengths = count(head, bhttp::field::content_length);
  if (codings > 0) {
    if (lengths > 0) return {400, "Transfer-Encoding and Content-Length in one request."};
    if (head.version() < 11) return {400, "Transfer-Encoding in an HTTP/1.0 request."};
    if (codings > 1 || !same_field_name(head[bhttp::field::transfer_encoding], "chunked")) {
      return {501, "The only transfer coding known here is chunked."};
    }
  }
  if (lengths > 1) return {400, "Content-Length is there more than once."};
  const auto hosts = count(head, bhttp::field::host);
  if (hosts > 1) return {400, "Host is there more than once."};
  if (hosts == 0 && head.version() >= 11) return {400, "Host is missing."};
  // Fields that decide what is done: two of them would mean two things.
  for (const char* name : {"Authorization", "If-Match", "Idempotency-Key", "Last-Event-ID",
                           "Origin", "Sec-Fetch-Site", "Prefer"}) {
    if (count(head, name) > 1) return {400, std::string(name) + " is there more than once."};
  }
  if (const auto text = head[bhttp::field::content_length]; !text.empty()) {
    const bool digits =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || text.size() > 18) return {400, "Content-Length is not a number."};
    if (std::stoull(std::string(text)) > body_limit) {
      return {413, "The body may have at most " + std::to_string(body_limit) + " bytes."};
    }
  }
  return {};
}

Fault fault_of(const boost::system::error_code& error) {
  using E = bhttp::error;
  if (error == boost::beast::error::timeout) return {408, "The request did not come in time."};
  if (error == E::header_limit || error == E::buffer_overflow) {
    return {431, "The request's head is too large."};
  }
  if (error == E::body_limit) return {413, "The request's body is too large."};
  if (error == E::bad_version) return {505, "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
  if (error == E::partial_message) return {0, ""};
  if (error.category() == bhttp::make_error_code(E::bad_method).category()) {
    return {400, "The request is not well-formed HTTP/1.1: " + error.message() + "."};
  }
  return {0, ""};
}

}  // namespace switchback::web
