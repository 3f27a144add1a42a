// What verification knows, and running its plan now.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "admin/api/api.hpp"
#include "admin/api/body.hpp"
#include "admin/events/receipt_json.hpp"
#include "admin/verify/report_json.hpp"

namespace switchback::api {
namespace json = boost::json;
namespace asio = boost::asio;
namespace {

// Probes are given up long before.
constexpr std::chrono::seconds longest_round{150};

Refusal no_plan(const std::string& service) {
  return refusal(409, "no_plan", "There is no verification plan",
                 "Add services." + service + ".verify to the configuration.",
                 "switchback check --config FILE");
}

}  // namespace

Answer Api::get_verification(const Call& call) {
  if (const auto refused = unknown_service(call.parameter)) return refuse(call.request, *refused);
  json::object out{{"service", call.parameter}};
  const auto standing =
      rooms_.verifier ? rooms_.verifier->standing(call.parameter) : verify::Standing{};
  out["planned"] = standing.planned;
  if (!standing.planned) return json_response(out);
  out["standby"] = verify::standing_object(standing);
  const auto verdict = rooms_.verifier->verdict(call.parameter);
  out["verdict"] =
      verdict.flip.empty() ? json::value() : json::value(verify::verdict_object(verdict));
  const auto last = controller_.last_flip(call.parameter);
  out["last_flip"] = json::value();
  if (last && last->verification) out["last_flip"] = events::receipt_object(*last);
  return json_response(out);
}

asio::awaitable<Answer> Api::run_verification(const Call& call) {
  if (const auto refused = refuse_body(call.request.body)) co_return refuse(call.request, *refused);
  const auto view = plane_.view(call.parameter);
  const bool planned = rooms_.verifier && rooms_.verifier->standing(call.parameter).planned;
  if (!view || !planned) co_return refuse(call.request, no_plan(call.parameter));
  const std::string wanted(call.request.query_value("color").value_or("standby"));
  Color color = other(view->active);
  if (wanted == "active") color = view->active;
  if (wanted == "blue") color = Color::blue;
  if (wanted == "green") color = Color::green;
  if (wanted != "standby" && wanted != "active" && wanted != "blue" && wanted != "green") {
    co_return refuse(call.request, refusal(422, "bad_color", "There is no such side",
                                           "color has to be standby, active, blue or green."));
  }
  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::optional<verify::Standing> standing;
  };
  const auto waiting = std::make_shared<Waiting>(io_);
  waiting->timer.expires_after(longest_round);
  rooms_.verifier->run_now(call.parameter, color, [waiting](verify::Standing standing) {
    waiting->standing = std::move(standing);
    waiting->timer.cancel();
  });
  if (!waiting->standing) co_await waiting->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!waiting->standing) {
    co_return refuse(call.request, refusal(504, "answer_late", "The checks have not ended",
                                           "Servers take too long to answer."));
  }
  auto out = verify::standing_object(*waiting->standing);
  out["service"] = call.parameter;
  co_return json_response(out);
}

}  // namespace switchback::api
