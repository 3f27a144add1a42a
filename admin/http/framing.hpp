// The faults of a request's head and body that the server refuses, and the status for each: what
// Beast's parser reports, and what older Beast versions let pass (RFC 9112 §6.3, §3.2).
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>
#include <string>

namespace switchback::web {

struct Fault {
  unsigned status = 0;  // 0: no fault, or nothing can be answered
  std::string detail;
};

using RequestHead = boost::beast::http::request<boost::beast::http::string_body>;

// Of a head that the parser has accepted.
Fault framing_fault(const RequestHead& head, std::size_t body_limit);
// Of an error the parser reported. Status 0: the connection broke; there is nobody to answer.
Fault fault_of(const boost::system::error_code& error);

}  // namespace switchback::web
