// The admin API without its sockets: takes a request, decides who asks, carries it out, answers.
//
// Threads: the control thread. Lifetime: requests that wait for a flip keep this object; after
// stop() neither controller nor plane is touched.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "admin/api/auth.hpp"
#include "admin/api/body.hpp"
#include "admin/api/events.hpp"
#include "admin/api/rooms.hpp"
#include "admin/api/routes.hpp"
#include "admin/events/events.hpp"
#include "admin/http/server.hpp"
#include "admin/metrics/collect.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::api {

struct ApiOptions {
  EventLimits events;
  // The longest a call waits for its flip; drains have shorter deadlines of their own.
  std::chrono::milliseconds longest_wait{15 * 60 * 1000};
};

class Api : public std::enable_shared_from_this<Api> {
 public:
  Api(boost::asio::io_context& io, people::People& people, release::Controller& controller,
      events::Events& events, worker::DataPlane& plane, ApiOptions options = {});

  void start();  // begins to count flips; after the object is in a shared_ptr
  void stop();
  void set_rooms(Rooms rooms) { rooms_ = rooms; }
  // "" or why the user that runs switchback would not be let in to roll this service back.
  std::string may_roll_back(const std::string& service);
  // For /metrics; `counters` outlives the calls of handle().
  void show_server(std::function<web::ServerCounters()> counters) {
    server_counters_ = std::move(counters);
  }

  // probing.cpp: all that an address of its own for probes answers.
  web::Reply probe(const web::Request& request);
  void show_metrics(const config::Metrics& shown) { shown_ = shown; }
  void leave() { leaving_ = true; }  // the process ends: /readyz says so from now on

  static boost::asio::awaitable<web::Reply> handle(std::shared_ptr<Api> api,
                                                   std::shared_ptr<const web::Request> request);

 private:
  struct Call {
    const web::Request& request;
    const Route& route;
    std::string parameter;  // the value of {s} or {id}
    std::string item;       // the value of {v}
    Caller actor;
  };

  Answer unmatched(const web::Request& request, const RouteMatch& match);
  web::Reply read(const Call& call);
  boost::asio::awaitable<Answer> change(const Call& call);

  // switching.cpp
  boost::asio::awaitable<Answer> switch_service(const Call& call);
  boost::asio::awaitable<release::FlipAnswer> ask(release::FlipRequest request, bool rollback);
  Answer pause(const Call& call);
  Answer resume(const Call& call);
  static Answer receipt_response(const release::Receipt& receipt, bool async);
  void audit(const Call& call, const release::FlipRequest& request,
             const release::FlipAnswer& answer);

  // releasing.cpp: nullopt for calls of other rooms.
  std::optional<Answer> releasing(const Call& call);
  Answer add_release(const Call& call);
  Answer change_release(const Call& call);
  Answer place_hold(const Call& call);
  Answer lift_hold(const Call& call);
  void audit_release(const Call& call, boost::json::object line);
  void show_rooms(const std::string& service, boost::json::object& out) const;

  // readying.cpp: nullopt for calls of other rooms.
  std::optional<Answer> readying(const Call& call);

  // notifying.cpp
  Answer list_notify(const Call& call);
  boost::asio::awaitable<Answer> test_notify(const Call& call);

  // verifying.cpp
  Answer get_verification(const Call& call);
  boost::asio::awaitable<Answer> run_verification(const Call& call);

  // people_calls.cpp
  Answer list_people();
  Answer list_tokens();
  boost::asio::awaitable<Answer> change_token(const Call& call);
  Parsed<boost::json::object> carry_out(const Call& call, people::TokenMade* made);
  boost::asio::awaitable<bool> on_disk();
  boost::asio::awaitable<Answer> audit_page(const Call& call);
  Answer audit_anchors();

  // recording.cpp: what becomes an entry of the audit chain
  void record(const Call& call, const Answer& answer);
  void record_refusal(const web::Request& request, const Need& need, const Refusal& refused);

  // reading.cpp
  Answer list_services();
  Answer get_service(const Call& call);
  Answer get_mirror(const Call& call);
  Answer list_flips(const Call& call, const std::string& service);
  Answer get_flip(const Call& call);
  web::Reply event_stream(const Call& call);
  Answer whoami(const Call& call);
  Answer status_page(const Call& call);
  Answer openapi();
  static boost::asio::awaitable<web::Response> metrics(std::shared_ptr<Api> api);  // measuring.cpp
  void measure_room(unsigned room, switchback::metrics::Exposition& out);
  web::Response healthz();
  web::Response readyz();
  switchback::metrics::AdminCounts counts() const;

  std::optional<Refusal> unknown_service(const std::string& service) const;
  Answer refuse(const web::Request& request, const Refusal& refused) const;
  void write_audit(const boost::json::object& line);
  void audit_refusal(const web::Request& request, const Refusal& refused);
  void count_flip(const events::Event& event);

  boost::asio::io_context& io_;
  release::Controller& controller_;
  events::Events& events_;
  worker::DataPlane& plane_;
  ApiOptions options_;
  Rooms rooms_;
  people::People& people_;
  Authenticator authenticator_;
  std::shared_ptr<EventHub> hub_;
  std::function<web::ServerCounters()> server_counters_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> flips_;
  config::Metrics shown_;
  switchback::metrics::Moved moved_;  // from scrape to scrape
  std::uint64_t subscription_ = 0;
  bool subscribed_ = false;
  bool stopped_ = false;
  bool leaving_ = false;
  Nanos refusals_since_ns_ = 0;  // of the log's own limit for refused changes
  unsigned refusals_logged_ = 0;
};

}  // namespace switchback::api
