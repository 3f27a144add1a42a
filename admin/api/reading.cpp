// The calls that only look.
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "admin/api/api.hpp"
#include "admin/api/body.hpp"
#include "admin/api/mirror_json.hpp"
#include "admin/api/openapi.hpp"
#include "admin/api/people_json.hpp"
#include "admin/api/status_page.hpp"
#include "admin/api/views.hpp"
#include "admin/events/receipt_json.hpp"

namespace switchback::api {

namespace json = boost::json;

Answer Api::list_services() {
  auto object = services_object(plane_, controller_, events_.alarms);
  for (auto& service : object["services"].as_array())
    show_rooms(std::string(service.as_object()["service"].as_string()), service.as_object());
  return json_response(object);
}

Answer Api::get_service(const Call& call) {
  auto view = plane_.view(call.parameter);
  if (!view) {
    return refuse(
        call.request,
        unknown_service(call.parameter).value_or(refusal(404, "unknown_service", "", "")));
  }
  controller_.name_releases(*view);
  auto object = service_object(*view, controller_);
  show_rooms(call.parameter, object);
  const auto mirror = plane_.mirror_view(call.parameter, 0);
  object["mirror"] = mirror ? mirror_summary(*mirror) : json::value();
  object["alarms"] = alarms_array(events_.alarms, call.parameter);
  auto response = json_response(std::move(object));
  response.fields.emplace_back("ETag", "\"" + std::to_string(view->epoch) + "\"");
  return response;
}

Answer Api::get_mirror(const Call& call) {
  const auto view = plane_.mirror_view(call.parameter, most_mirror_samples);
  if (view) return json_response(mirror_object(call.parameter, *view));
  return refuse(call.request,
                unknown_service(call.parameter).value_or(refusal(404, "unknown_service", "", "")));
}

Answer Api::list_flips(const Call& call, const std::string& service) {
  if (!service.empty()) {
    if (const auto refused = unknown_service(service)) return refuse(call.request, *refused);
  }
  const auto limit = parse_limit(call.request.query_value("limit"));
  if (const auto* refused = std::get_if<Refusal>(&limit)) return refuse(call.request, *refused);
  const auto kind = parse_kind(call.request.query_value("kind"));
  if (const auto* refused = std::get_if<Refusal>(&kind)) return refuse(call.request, *refused);
  const auto most = std::get<std::size_t>(limit);
  const auto& wanted = std::get<std::optional<release::FlipKind>>(kind);
  // A kind is sought in all that is kept; the controller knows nothing of kinds.
  auto receipts = controller_.history(service, wanted ? 1000 : most);
  if (wanted) std::erase_if(receipts, [&](const auto& receipt) { return receipt.kind != *wanted; });
  if (receipts.size() > most) receipts.resize(most);
  return json_response(flips_object(receipts));
}

Answer Api::get_flip(const Call& call) {
  const auto receipt = controller_.flip(call.parameter);
  if (!receipt) {
    return refuse(call.request, refusal(404, "unknown_flip", "There is no such flip",
                                        "There is no flip '" + call.parameter.substr(0, 64) + "'.",
                                        "switchback history"));
  }
  return json_response(events::receipt_object(*receipt));
}

web::Reply Api::event_stream(const Call& call) {
  if (hub_->full()) {
    hub_->count_refused();
    auto refused =
        refusal(503, "too_many_subscribers", "The event stream has as many readers as it may",
                "Try again when one of them has gone.");
    refused.fields.emplace_back("Retry-After", "5");
    return refuse(call.request, refused);
  }
  // A browser sends Last-Event-ID by itself when it comes back; a person puts it into the query.
  std::string_view text = call.request.field("Last-Event-ID");
  if (text.empty()) text = call.request.query_value("last_event_id").value_or("");
  std::uint64_t last_id = events::Stream::live_only;
  if (!text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), last_id);
    if (error != std::errc() || end != text.data() + text.size()) {
      return refuse(call.request, refusal(400, "bad_last_event_id", "The request is not understood",
                                          "Last-Event-ID has to be the id of an event, a number."));
    }
  }
  return hub_->stream(last_id);
}

Answer Api::whoami(const Call& call) {
  json::array may;
  for (const auto role :
       {config::Role::read, config::Role::operate, config::Role::deploy, config::Role::admin}) {
    if (call.actor.role >= role) may.emplace_back(role_name(role));
  }
  const auto& who = call.actor;
  const auto& peer = call.request.peer;
  json::array services;
  for (const auto& service : who.services) services.emplace_back(service);
  const auto operated = people_.last_operated(who.name);
  return json_response(
      {{"name", who.name},
       {"auth", who.auth},
       {"role", role_name(who.role)},
       {"may", std::move(may)},
       {"rule", who.rule},
       {"services", who.services.empty() ? json::value() : json::value(std::move(services))},
       {"expires_at", time_or_null(who.expires_us)},
       {"last_operated_at", time_or_null(operated.value_or(0))},
       {"on_call", contains(people_.on_call(), who.person)},
       {"peer", peer.kind == web::Peer::Kind::unix_socket ? "unix socket" : peer.address},
       {"tls", peer.tls}});
}

Answer Api::openapi() {
  Answer response;
  response.body = std::string(openapi_json());
  return response;
}

Answer Api::status_page(const Call& call) {
  Answer response;
  response.content_type = "text/html; charset=utf-8";
  response.body = status_html(plane_, controller_, events_.alarms, call.actor);
  response.fields = {
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"}};
  return response;
}

switchback::metrics::AdminCounts Api::counts() const {
  switchback::metrics::AdminCounts c;
  if (server_counters_) {
    const auto server = server_counters_();
    c.connections_open = server.open;
    c.connections_accepted = server.accepted;
    c.connections_refused = server.refused;
    c.connections_evicted = server.evicted;
    c.requests = server.requests;
    c.malformed = server.malformed;
    c.timed_out = server.timed_out;
  }
  const auto& auth = authenticator_.counters();
  c.auth_failed = auth.failed;
  c.auth_limited = auth.limited;
  c.auth_forbidden = auth.forbidden;
  c.cross_site = auth.cross_site;
  const auto& readers = hub_->counters();
  c.event_subscribers = readers.subscribers;
  c.events_sent = readers.sent;
  c.event_subscribers_cut = readers.cut;
  c.event_subscribers_refused = readers.refused;
  c.flips = flips_;
  for (const auto& alarm : events_.alarms.standing()) c.alarms.push_back(alarm.code);
  c.people = people_counts(people_);
  return c;
}

}  // namespace switchback::api
