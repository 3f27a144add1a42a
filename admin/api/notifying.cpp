// Who is told of what happens, and a test of it.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "admin/api/api.hpp"
#include "admin/events/receipt_json.hpp"
#include "admin/notify/notifier.hpp"
#include "config/notify_values.hpp"

namespace switchback::api {

namespace json = boost::json;
namespace asio = boost::asio;

namespace {

json::value time_or_null(std::int64_t wall_us) {
  return wall_us == 0 ? json::value() : json::value(events::rfc3339(wall_us));
}

json::object target_object(const notify::TargetView& view) {
  json::array on, services;
  for (const auto kind : view.target.on) on.push_back(json::value(config::choice_text(kind)));
  for (const auto& service : view.target.services) services.push_back(json::value(service));
  const auto& stats = view.stats;
  return {{"name", view.target.name},
          {"to", view.where},
          {"format", config::choice_text(view.target.format)},
          {"on", std::move(on)},
          {"services", std::move(services)},
          {"signed", !view.target.secret_file.empty()},
          {"sent", stats.sent},
          {"failed", stats.failed},
          {"dropped", stats.dropped},
          {"kept_back", view.kept_back},
          {"attempts", stats.attempts},
          {"queued", stats.queued},
          {"queue", view.target.queue},
          {"last_good", time_or_null(stats.last_good_wall_us)},
          {"last_bad", time_or_null(stats.last_bad_wall_us)},
          {"failing_since", time_or_null(stats.failing_since_wall_us)},
          {"last_error", stats.last_error}};
}

}  // namespace

Answer Api::list_notify(const Call& call) {
  if (rooms_.notifier == nullptr)
    return refuse(call.request, refusal(503, "not_here", "This is not there yet", ""));
  json::array targets;
  for (const auto& view : rooms_.notifier->targets()) targets.push_back(target_object(view));
  return json_response({{"targets", std::move(targets)}});
}

asio::awaitable<Answer> Api::test_notify(const Call& call) {
  if (const auto refused = refuse_body(call.request.body)) co_return refuse(call.request, *refused);
  if (rooms_.notifier == nullptr)
    co_return refuse(call.request, refusal(503, "not_here", "This is not there yet", ""));
  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::optional<notify::Delivery> delivery;
  };
  const auto waiting = std::make_shared<Waiting>(io_);
  std::int64_t timeout_ms = 0;
  for (const auto& view : rooms_.notifier->targets())
    if (view.target.name == call.parameter) timeout_ms = view.target.timeout.count();
  // It may have to wait for an attempt that is under way, and it has one of its own.
  waiting->timer.expires_after(std::chrono::milliseconds(2 * timeout_ms + 1000));
  const bool known = rooms_.notifier->test(call.parameter, call.actor.name,
                                           [waiting](const notify::Delivery& delivery) {
                                             waiting->delivery = delivery;
                                             waiting->timer.cancel();
                                           });
  if (!known) {
    co_return refuse(call.request,
                     refusal(404, "unknown_target", "There is no such target of notify",
                             "'" + call.parameter.substr(0, 64) + "' is none of notify's names.",
                             "switchback notify list"));
  }
  if (!waiting->delivery) co_await waiting->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto& delivery = waiting->delivery;
  json::object out{{"target", call.parameter}, {"delivered", delivery && delivery->good}};
  if (delivery && delivery->status != 0) out["status"] = delivery->status;
  if (delivery) out["took_ms"] = delivery->took_ms;
  out["error"] = delivery ? delivery->error
                          : std::string(
                                "no end in time; the target was busy with an earlier "
                                "message, or its file is on a disk that hangs");
  co_return json_response(out);
}

}  // namespace switchback::api
