// One conversation with an admin plane: finds it, says who asks, and turns every way of failing
// into CommandFailed with the right exit code.
//
// Threads: one. Errors: CommandFailed (globals.hpp).
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "admin/cli/globals.hpp"
#include "admin/http/client.hpp"

namespace switchback::cli {

inline constexpr std::chrono::milliseconds call_deadline{10'000};

class Session {
 public:
  explicit Session(const Globals& globals);

  // One call as it is: a refusal or a failure is in the answer.
  web::ClientAnswer call(const std::string& method, const std::string& target,
                         const std::string& body = "", web::Fields fields = {},
                         std::chrono::milliseconds deadline = call_deadline);
  // Follows server-sent events (see web::Client::events).
  web::ClientAnswer events(const std::string& last_id,
                           const std::function<bool(const web::ServerSentEvent&)>& on_event,
                           const std::function<bool()>& on_tick);
  // A read that must succeed. Nothing moves by reading, so a lost answer counts as never reached.
  boost::json::object get(const std::string& target);
  // The named service's view; "": the only one there is (else usage, with the names).
  boost::json::object service(const std::string& name);
  boost::json::array services();

  // What an answer that is no success means. `stays`: the side that stays active, when known.
  [[noreturn]] void fail(const web::ClientAnswer& answer, std::string_view stays = "") const;
  [[noreturn]] void fail_unreachable(const std::string& error) const;

  const Style& style() const { return style_; }
  const Globals& globals() const { return globals_; }

 private:
  void connect_to(const std::string& admin);
  web::ClientRequest request(const std::string& method, const std::string& target) const;
  bool may_fall_back() const;

  Globals globals_;
  Style style_;
  std::string token_;
  std::unique_ptr<web::Client> client_;
};

std::string service_path(const std::string& name);  // "/v1/services/NAME", encoded
std::int64_t now_wall_ms();

}  // namespace switchback::cli
