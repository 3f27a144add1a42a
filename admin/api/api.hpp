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
      worker::DataPlane& plane, ApiOptions options = {});

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
  using Answer = web::Reply;

  web::Response unmatched(const web::Request& request, const RouteMatch& match);
  Answer read(const Call& call);
  boost::asio::awaitable<web::Response> change(const Call& call);

  // switching.cpp
  boost::asio::awaitable<web::Response> switch_service(const Call& call);
  boost::asio::awaitable<release::FlipAnswer> ask(release::FlipRequest request, bool rollback);
  web::Response pause(const Call& call);
  web::Response resume(const Call& call);
  static web::Response receipt_response(const release::Receipt& receipt, bool async);
  void audit(const Call& call, const release::FlipRequest& request,
             const release::FlipAnswer& answer);

  // releasing.cpp: nullopt for calls of other rooms.
  std::optional<web::Response> releasing(const Call& call);
  web::Response add_release(const Call& call);
  web::Response change_release(const Call& call);
  web::Response place_hold(const Call& call);
  web::Response lift_hold(const Call& call);
  void audit_release(const Call& call, boost::json::object line);
  void show_rooms(const std::string& service, boost::json::object& out) const;

  // readying.cpp: nullopt for calls of other rooms.
  std::optional<web::Response> readying(const Call& call);

  // notifying.cpp
  web::Response list_notify(const Call& call);
  boost::asio::awaitable<web::Response> test_notify(const Call& call);

  // verifying.cpp
  web::Response get_verification(const Call& call);
  boost::asio::awaitable<web::Response> run_verification(const Call& call);

  // people_calls.cpp
  web::Response list_people();
  web::Response list_tokens();
  boost::asio::awaitable<web::Response> change_token(const Call& call);
  Parsed<boost::json::object> carry_out(const Call& call, people::TokenMade* made);
  boost::asio::awaitable<bool> on_disk();
  boost::asio::awaitable<web::Response> audit_page(const Call& call);
  web::Response audit_anchors();

  // recording.cpp: what becomes an entry of the audit chain
  void record(const Call& call, const web::Response& response);
  void record_refusal(const web::Request& request, const Need& need, const Refusal& refused);

  // reading.cpp
  web::Response list_services();
  web::Response get_service(const Call& call);
  web::Response get_mirror(const Call& call);
  web::Response list_flips(const Call& call, const std::string& service);
  web::Response get_flip(const Call& call);
  web::Reply events(const Call& call);
  web::Response whoami(const Call& call);
  web::Response status_page(const Call& call);
  web::Response openapi();
  static boost::asio::awaitable<web::Response> metrics(std::shared_ptr<Api> api);  // measuring.cpp
  void measure_room(unsigned room, switchback::metrics::Exposition& out);
  web::Response healthz();
  web::Response readyz();
  switchback::metrics::AdminCounts counts() const;

  std::optional<Refusal> unknown_service(const std::string& service) const;
  web::Response refuse(const web::Request& request, const Refusal& refused) const;
  void write_audit(const boost::json::object& line);
  void audit_refusal(const web::Request& request, const Refusal& refused);
  void count_flip(const release::Event& event);

  boost::asio::io_context& io_;
  release::Controller& controller_;
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
