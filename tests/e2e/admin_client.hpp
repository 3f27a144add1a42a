// The admin API over its unix socket, one call at a time, as bytes.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "tests/support/raw_client.hpp"

namespace switchback::test {

struct AdminAnswer {
  int status = 0;
  boost::json::object body;
};

// Throws when the server goes away before the answer is whole.
inline AdminAnswer admin_call(const std::string& socket, const std::string& method,
                              const std::string& target, const std::string& body = "") {
  RawClient client("unix:" + socket);
  client.send(method + " " + target +
              " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
              (body.empty() ? "" : "Content-Type: application/json\r\n") + "\r\n" + body);
  const RawResponse answer = client.read_response();
  if (!answer.complete) throw std::runtime_error("the answer was cut");
  AdminAnswer out;
  out.status = answer.status;
  const auto value = boost::json::parse(answer.body);
  if (value.is_object()) out.body = value.as_object();
  return out;
}

inline AdminAnswer flip_to(const std::string& socket, const std::string& color,
                           const std::string& query = "") {
  return admin_call(socket, "POST", "/v1/services/shop/flips" + query,
                    "{\"to\":\"" + color + "\"}");
}

}  // namespace switchback::test
