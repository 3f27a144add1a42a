#include "admin/api/api.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "admin/api/body.hpp"
#include "admin/api/views.hpp"

namespace switchback::api {

namespace json = boost::json;
namespace asio = boost::asio;

namespace {

constexpr unsigned refusals_logged_per_second = 10;

}  // namespace

Api::Api(asio::io_context& io, people::People& people, release::Controller& controller,
         events::Events& events, worker::DataPlane& plane, ApiOptions options)
    : io_(io),
      controller_(controller),
      events_(events),
      plane_(plane),
      options_(options),
      people_(people),
      authenticator_(people),
      hub_(std::make_shared<EventHub>(io, events.stream, options.events)) {}

void Api::start() {
  subscription_ = events_.stream.subscribe(events::Stream::live_only,
                                           [weak = weak_from_this()](const events::Event& event) {
                                             if (const auto self = weak.lock())
                                               self->count_flip(event);
                                           });
  subscribed_ = true;
}

void Api::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (subscribed_) events_.stream.unsubscribe(subscription_);
  hub_->stop();
}

void Api::count_flip(const events::Event& event) {
  const auto* flip = event.as<events::FlipStepped>();
  if (flip == nullptr || flip->step != events::FlipStep::switched) return;
  ++flips_[{flip->receipt.service, std::string(to_string(flip->receipt.kind))}];
}

Answer Api::refuse(const web::Request& request, const Refusal& refused) const {
  return problem_response(refused, request.path);
}

// Refused changes belong into the log, but a stranger must not be able to fill it.
void Api::audit_refusal(const web::Request& request, const Refusal& refused) {
  const Nanos now = monotonic_ns();
  if (now - refusals_since_ns_ > 1'000'000'000) {
    refusals_since_ns_ = now;
    refusals_logged_ = 0;
  }
  if (++refusals_logged_ > refusals_logged_per_second) return;
  const auto& peer = request.peer;
  const bool unix_peer = peer.kind == web::Peer::Kind::unix_socket;
  write_audit({{"from", unix_peer ? "uid " + std::to_string(peer.uid) : peer.address},
               {"action", request.method + " " + request.path.substr(0, 200)},
               {"result", "refused"},
               {"code", refused.problem.code}});
}

std::optional<Refusal> Api::unknown_service(const std::string& service) const {
  const auto names = plane_.services();
  for (const auto& name : names) {
    if (name == service) return std::nullopt;
  }
  auto refused =
      refusal(404, "unknown_service", "There is no such service",
              "There is no service '" + service.substr(0, 64) + "'.", "switchback status");
  json::array known;
  for (const auto& name : names) known.emplace_back(name);
  refused.more["services"] = std::move(known);
  return refused;
}

Answer Api::unmatched(const web::Request& request, const RouteMatch& match) {
  if (!match.allow.empty()) {
    std::string allow;
    for (const auto method : match.allow)
      allow += (allow.empty() ? "" : ", ") + std::string(method);
    auto refused = refusal(405, "method_not_allowed", "This path has no such method",
                           request.path + " takes " + allow + ".");
    refused.fields.emplace_back("Allow", allow);
    return refuse(request, refused);
  }
  const auto near = near_paths(request.path, plane_.services());
  auto refused =
      refusal(404, "unknown_path", "There is nothing at this path",
              "Did you mean " + near.front() + "? GET /v1/openapi.json lists all there is.");
  json::array list;
  for (const auto& path : near) list.emplace_back(path);
  refused.more["near"] = std::move(list);
  return refuse(request, refused);
}

asio::awaitable<web::Reply> Api::handle(std::shared_ptr<Api> api,
                                        std::shared_ptr<const web::Request> request) {
  if (api->stopped_) {
    co_return api->refuse(*request,
                          refusal(503, "shutting_down", "switchback is shutting down", ""));
  }
  const RouteMatch match = match_route(request->method, request->path);
  Need need;
  if (match.route != nullptr) {
    need.gate = match.route->gate;
    need.role = match.route->role;
    need.change = match.route->method != "GET";
    need.command = command_of(*match.route, match.parameter);
    need.action = match.route->command;
    need.rollback = match.route->operation == Operation::rollback;
    if (match.route->pattern.find("{s}") != std::string_view::npos) need.service = match.parameter;
  } else {
    need.command = "switchback status";
  }
  Decision decision = api->authenticator_.decide(*request, need, monotonic_ns());
  if (const auto* refused = std::get_if<Refusal>(&decision)) {
    if (need.change) {
      api->audit_refusal(*request, *refused);
      api->record_refusal(*request, need, *refused);
    }
    co_return api->refuse(*request, *refused);
  }
  if (match.route == nullptr) co_return api->unmatched(*request, match);
  const Call call{*request, *match.route, match.parameter, match.item, std::get<Caller>(decision)};
  if (!call.actor.person.empty()) {
    api->people_.used(call.actor.principal(), wall_us());
    if (!call.actor.token_id.empty()) api->people_.tokens().used(call.actor.token_id, wall_us());
  }
  // What probes add to their path ("/readyz?verbose") is theirs.
  const bool probe = need.gate == Gate::open;
  if (const auto refused = refuse_unknown_query(*request, match.route->query); refused && !probe) {
    co_return api->refuse(*request, *refused);
  }
  if (match.route->operation == Operation::audit_page) {
    Answer page = co_await api->audit_page(call);
    co_return page;
  }
  if (match.route->operation == Operation::metrics) {
    web::Response text = co_await metrics(std::move(api));
    co_return text;
  }
  if (!need.change) co_return api->read(call);
  Answer response = co_await api->change(call);
  api->record(call, response);
  co_return response;
}

asio::awaitable<Answer> Api::change(const Call& call) {
  if (call.route.pattern.starts_with("/v1/tokens")) {
    Answer changed = co_await change_token(call);
    co_return changed;
  }
  if (call.route.operation == Operation::test_notify) {
    Answer tried = co_await test_notify(call);
    co_return tried;
  }
  if (const auto refused = unknown_service(call.parameter))
    co_return refuse(call.request, *refused);
  if (auto response = releasing(call)) co_return std::move(*response);
  if (call.route.operation == Operation::pause) co_return pause(call);
  if (call.route.operation == Operation::resume) co_return resume(call);
  if (call.route.operation == Operation::run_verification) {
    Answer standing = co_await run_verification(call);
    co_return standing;
  }
  Answer response = co_await switch_service(call);
  co_return response;
}

web::Reply Api::read(const Call& call) {
  if (auto response = releasing(call)) return std::move(*response);
  if (auto response = readying(call)) return std::move(*response);
  switch (call.route.operation) {
    case Operation::list_services:
      return list_services();
    case Operation::get_service:
      return get_service(call);
    case Operation::get_verification:
      return get_verification(call);
    case Operation::get_mirror:
      return get_mirror(call);
    case Operation::service_flips:
      return list_flips(call, call.parameter);
    case Operation::all_flips:
      return list_flips(call, "");
    case Operation::get_flip:
      return get_flip(call);
    case Operation::events:
      return event_stream(call);
    case Operation::list_notify:
      return list_notify(call);
    case Operation::whoami:
      return whoami(call);
    case Operation::people:
      return list_people();
    case Operation::list_tokens:
      return list_tokens();
    case Operation::audit_anchors:
      return audit_anchors();
    case Operation::openapi:
      return openapi();
    case Operation::healthz:
      return healthz();
    case Operation::readyz:
      return readyz();
    default:
      return status_page(call);
  }
}

std::string Api::may_roll_back(const std::string& service) {
  web::Request request;
  request.method = "POST";
  request.path = "/v1/services/" + service + "/rollback";
  request.peer.kind = web::Peer::Kind::unix_socket;
  request.peer.credentials = true;
  request.peer.uid = ::geteuid();
  request.peer.gid = ::getegid();
  Need need;
  need.role = config::Role::operate;
  need.change = true;
  const auto decision = authenticator_.decide(request, need, monotonic_ns());
  const auto* refused = std::get_if<Refusal>(&decision);
  return refused ? refused->problem.code + ": " + refused->problem.title : "";
}

}  // namespace switchback::api
