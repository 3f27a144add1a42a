// The calls that change something: flips, rollback, pause, resume.
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "admin/api/api.hpp"
#include "admin/api/body.hpp"
#include "admin/events/receipt_json.hpp"
#include "admin/people/token.hpp"
#include "config/units.hpp"

namespace switchback::api {

namespace json = boost::json;
namespace asio = boost::asio;

namespace {

// The controller answers through a callback; a coroutine waits on the timer, which the callback
// cuts.
struct Waiting {
  explicit Waiting(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  std::optional<release::FlipAnswer> answer;
};

std::string fingerprint(std::string_view path, const FlipBody& body) {
  return people::sha256_hex(json::serialize(json::array{
      json::value(path), json::value(body.to.value_or("")), json::value(body.reason),
      json::value(body.force), json::value(body.requalify), json::value(body.on_behalf_of)}));
}

// What of the request can be read before anything is asked of the controller.
Parsed<release::FlipRequest> read_request(const web::Request& request, bool rollback) {
  release::FlipRequest flip;
  auto body = rollback ? parse_rollback_body(request.body) : parse_flip_body(request.body);
  if (auto* refused = std::get_if<Refusal>(&body)) return std::move(*refused);
  auto epoch = parse_if_match(request.field("If-Match"));
  if (auto* refused = std::get_if<Refusal>(&epoch)) return std::move(*refused);
  auto key = parse_idempotency_key(request.field("Idempotency-Key"));
  if (auto* refused = std::get_if<Refusal>(&key)) return std::move(*refused);
  auto wait = parse_wait(request.query_value("wait"));
  if (auto* refused = std::get_if<Refusal>(&wait)) return std::move(*refused);
  auto& parsed = std::get<FlipBody>(body);
  flip.request_fingerprint = fingerprint(request.path, parsed);
  flip.to = std::move(parsed.to);
  flip.reason = std::move(parsed.reason);
  flip.force = parsed.force;
  flip.requalify = std::move(parsed.requalify);
  flip.actor.on_behalf_of = std::move(parsed.on_behalf_of);
  flip.if_match = std::get<std::optional<std::uint64_t>>(epoch);
  flip.idempotency_key = std::move(std::get<std::string>(key));
  flip.wait = std::get<release::Wait>(wait);
  return flip;
}

}  // namespace

asio::awaitable<Answer> Api::switch_service(const Call& call) {
  const bool rollback = call.route.operation == Operation::rollback;
  auto parsed = read_request(call.request, rollback);
  if (const auto* refused = std::get_if<Refusal>(&parsed)) co_return refuse(call.request, *refused);
  release::FlipRequest request = std::move(std::get<release::FlipRequest>(parsed));
  request.service = call.parameter;
  const std::string person = std::move(request.actor.on_behalf_of);
  request.actor = call.actor;
  request.actor.on_behalf_of = person;
  const bool async = wants_async(call.request.field("Prefer"));
  if (async) request.wait = release::Wait::switched;
  const release::FlipRequest asked = request;
  release::FlipAnswer answer = co_await ask(std::move(request), rollback);
  audit(call, asked, answer);
  if (const auto* problem = std::get_if<release::Problem>(&answer)) {
    Refusal refused;
    refused.problem = *problem;
    if (problem->status == 503) refused.fields.emplace_back("Retry-After", "1");
    co_return refuse(call.request, refused);
  }
  co_return receipt_response(std::get<release::Receipt>(answer), async);
}

asio::awaitable<release::FlipAnswer> Api::ask(release::FlipRequest request, bool rollback) {
  const auto waiting = std::make_shared<Waiting>(io_);
  const std::string service = request.service;
  const auto before = plane_.view(service);
  const release::OnFlip done = [waiting](release::FlipAnswer answer) {
    if (waiting->answer) return;
    waiting->answer = std::move(answer);
    waiting->timer.cancel();
  };
  waiting->timer.expires_after(options_.longest_wait);
  if (rollback) {
    controller_.rollback(std::move(request), done);
  } else {
    controller_.promote(std::move(request), done);
  }
  if (!waiting->answer) co_await waiting->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiting->answer) co_return std::move(*waiting->answer);
  release::Problem late;
  late.status = 504;
  late.code = "answer_late";
  late.title = "The switch has not come to its end";
  late.detail = "It took longer than any drain may take; it goes on.";
  if (!stopped_) {
    const auto after = plane_.view(service);
    late.moved = before && after && before->active != after->active;
  }
  late.next = "switchback status " + service;
  late.exit_code = 5;
  co_return late;
}

Answer Api::receipt_response(const release::Receipt& receipt, bool async) {
  auto body = events::receipt_object(receipt);
  const bool lagging = receipt.state == release::FlipState::switching;
  if (lagging) body["exit_code"] = 34;
  auto response = json_response(body, async && !receipt.already ? 202 : 200);
  response.fields.emplace_back("ETag", "\"" + std::to_string(receipt.epoch) + "\"");
  if (!receipt.flip.empty()) {
    response.fields.emplace_back("Location", "/v1/flips/" + web::percent_encode(receipt.flip));
  }
  return response;
}

void Api::audit(const Call& call, const release::FlipRequest& request,
                const release::FlipAnswer& answer) {
  json::object line{{"actor", call.actor.name},
                    {"auth", call.actor.auth},
                    {"action", call.route.operation == Operation::rollback ? "rollback" : "flip"},
                    {"service", request.service}};
  if (request.to) line["to"] = *request.to;
  if (!request.reason.empty()) line["reason"] = request.reason;
  if (!request.actor.on_behalf_of.empty()) line["on_behalf_of"] = request.actor.on_behalf_of;
  if (request.force) line["force"] = true;
  if (!request.requalify.empty()) line["requalify"] = request.requalify;
  if (const auto* receipt = std::get_if<release::Receipt>(&answer)) {
    line["result"] = receipt->already ? "already" : events::to_string(receipt->state);
    line["moved"] = receipt->moved;
    line["flip"] = receipt->flip;
    line["epoch"] = receipt->epoch;
  } else {
    const auto& problem = std::get<release::Problem>(answer);
    line["result"] = "refused";
    line["code"] = problem.code;
    line["moved"] = problem.moved;
  }
  write_audit(line);
}

// The answer goes out first: a log that blocks (a full pipe behind it) must not hold a rollback up.
void Api::write_audit(const boost::json::object& line) {
  asio::post(io_, [text = json::serialize(line)] { spdlog::info("audit {}", text); });
}

Answer Api::pause(const Call& call) {
  const auto body = parse_pause_body(call.request.body);
  if (const auto* refused = std::get_if<Refusal>(&body)) return refuse(call.request, *refused);
  const auto max = std::get<PauseBody>(body).max;
  const auto problem = controller_.pause(call.parameter, max, call.actor);
  write_audit({{"actor", call.actor.name},
               {"auth", call.actor.auth},
               {"action", "pause"},
               {"service", call.parameter},
               {"max", config::format_duration(max)},
               {"result", problem ? problem->code : "paused"}});
  if (problem) {
    Refusal refused;
    refused.problem = *problem;
    return refuse(call.request, refused);
  }
  return json_response(
      {{"service", call.parameter}, {"paused", true}, {"max", config::format_duration(max)}});
}

Answer Api::resume(const Call& call) {
  if (const auto refused = refuse_body(call.request.body)) return refuse(call.request, *refused);
  const auto problem = controller_.resume(call.parameter, call.actor);
  write_audit({{"actor", call.actor.name},
               {"auth", call.actor.auth},
               {"action", "resume"},
               {"service", call.parameter},
               {"result", problem ? problem->code : "resumed"}});
  if (problem) {
    Refusal refused;
    refused.problem = *problem;
    return refuse(call.request, refused);
  }
  return json_response({{"service", call.parameter}, {"paused", false}});
}

}  // namespace switchback::api
