// The calls about people: who may act, tokens at run time, the audit chain.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <charconv>

#include "admin/api/api.hpp"
#include "admin/api/people_json.hpp"
#include "admin/api/token_body.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::api {

namespace json = boost::json;
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds ledger_wait{1000};
constexpr std::size_t most_entries = 1000;

// The ledger answers on its lane; a coroutine waits on the timer, which the answer cuts.
struct LedgerAnswer {
  explicit LedgerAnswer(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  std::vector<ledger::AuditRow> rows;
  std::string fault = "the ledger does not answer";
};

ledger::Ledger::OnAudit into(asio::io_context& io, std::shared_ptr<LedgerAnswer> answer) {
  return [&io, answer = std::move(answer)](std::vector<ledger::AuditRow> rows,
                                           std::string fault) mutable {
    asio::post(io, [answer = std::move(answer), rows = std::move(rows),
                    fault = std::move(fault)]() mutable {
      answer->rows = std::move(rows);
      answer->fault = std::move(fault);
      answer->timer.cancel();
    });
  };
}

Refusal token_refusal(const people::TokenFault& fault) {
  return refusal(fault.status, fault.code,
                 fault.status == 404 ? "There is no such token" : "That cannot be done",
                 fault.detail, fault.next);
}

Parsed<std::uint64_t> parse_after(std::optional<std::string_view> text) {
  std::uint64_t after = 0;
  if (!text) return after;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), after);
  if (error == std::errc() && end == text->data() + text->size()) return after;
  return refusal(422, "bad_after", "The request is not understood",
                 "after has to be the seq of an entry, a number.");
}

}  // namespace

Answer Api::list_people() {
  json::array list;
  for (const auto& person : people_.people()) list.push_back(person_object(person));
  json::array on_call;
  for (const auto& name : people_.on_call()) on_call.emplace_back(name);
  const auto hands = people_.hands();
  return json_response({{"people", std::move(list)},
                        {"able", hands.able},
                        {"proven", hands.proven},
                        {"proof_days", people::proof_lasts_us / people::day_us},
                        {"on_call", std::move(on_call)}});
}

Answer Api::list_tokens() {
  const auto now = wall_us();
  json::array list;
  for (const auto& token : people_.tokens().all()) list.push_back(token_object(token, now));
  return json_response({{"tokens", std::move(list)}, {"complete", people_.tokens().restored()}});
}

// Carries a change of a token out; `made` is set when there is a new text to tell.
Parsed<json::object> Api::carry_out(const Call& call, people::TokenMade* made) {
  const auto now = wall_us();
  auto& tokens = people_.tokens();
  const auto& body = call.request.body;
  people::TokenChange changed = people::TokenFault{};
  if (call.route.operation == Operation::create_token) {
    auto wish = parse_new_token(body, plane_.services(), now);
    if (auto* refused = std::get_if<Refusal>(&wish)) return std::move(*refused);
    auto& wanted = std::get<people::TokenWish>(wish);
    wanted.by = call.actor.name;
    *made = tokens.make(wanted, now);
  } else if (call.route.operation == Operation::rotate_token) {
    const auto wish = parse_rotation(body, now);
    if (const auto* refused = std::get_if<Refusal>(&wish)) return *refused;
    const auto& wanted = std::get<RotationBody>(wish);
    *made = tokens.rotate(call.parameter, wanted.grace_us, wanted.expires_us, call.actor.name, now);
  } else if (call.route.operation == Operation::expire_token) {
    const auto at = parse_expiry_body(body, now);
    if (const auto* refused = std::get_if<Refusal>(&at)) return *refused;
    changed = tokens.expire(call.parameter, std::get<std::int64_t>(at), now);
  } else {
    if (auto refused = refuse_body(body)) return std::move(*refused);
    changed = tokens.revoke(call.parameter, call.actor.name, now);
  }
  if (const auto* done = std::get_if<people::MadeToken>(made)) {
    auto out = token_object(done->entry, now);
    out["token"] = done->text;
    out["sha256"] = done->entry.sha256;
    if (done->replaced) out["replaces"] = token_object(*done->replaced, now);
    return out;
  }
  const auto* fault = std::get_if<people::TokenFault>(made);
  if (fault->code.empty()) {
    if (const auto* entry = std::get_if<people::TokenEntry>(&changed))
      return token_object(*entry, now);
    fault = std::get_if<people::TokenFault>(&changed);
  }
  return token_refusal(*fault);
}

asio::awaitable<Answer> Api::change_token(const Call& call) {
  people::TokenMade made = people::TokenFault{};
  auto done = carry_out(call, &made);
  if (const auto* refused = std::get_if<Refusal>(&done)) co_return refuse(call.request, *refused);
  auto& body = std::get<json::object>(done);
  people_.write_out();
  const bool durable = co_await on_disk();
  body["durable"] = durable;
  if (!durable) {
    body["warnings"] = json::array{
        "in force, but the ledger could not be written yet: after a restart it would be as before"};
  }
  const bool created = std::holds_alternative<people::MadeToken>(made);
  write_audit({{"actor", call.actor.name},
               {"auth", call.actor.auth},
               {"action", call.request.method + " " + call.request.path.substr(0, 200)},
               {"token", body.at("id")},
               {"result", created ? "made" : "changed"}});
  co_return json_response(body, created ? 201 : 200);
}

// Everything handed to the ledger before is in the file; false when that is not so in time.
asio::awaitable<bool> Api::on_disk() {
  const auto answer = std::make_shared<LedgerAnswer>(io_);
  answer->timer.expires_after(ledger_wait);
  people_.audit().read(0, 0, into(io_, answer));
  co_await answer->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!answer->fault.empty() || stopped_) co_return false;
  for (const auto& alarm : events_.alarms.standing()) {
    if (alarm.code == "ledger_unwritable") co_return false;
  }
  co_return true;
}

asio::awaitable<Answer> Api::audit_page(const Call& call) {
  const auto after = parse_after(call.request.query_value("after"));
  if (const auto* refused = std::get_if<Refusal>(&after)) co_return refuse(call.request, *refused);
  const auto limit = parse_limit(call.request.query_value("limit"));
  if (const auto* refused = std::get_if<Refusal>(&limit)) co_return refuse(call.request, *refused);
  const auto answer = std::make_shared<LedgerAnswer>(io_);
  answer->timer.expires_after(std::chrono::seconds(10));
  people_.audit().read(std::get<std::uint64_t>(after),
                       std::min(std::get<std::size_t>(limit), most_entries), into(io_, answer));
  co_await answer->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!answer->fault.empty()) {
    co_return refuse(call.request,
                     refusal(503, "ledger_unreadable", "The ledger cannot be read now",
                             answer->fault, "switchback status"));
  }
  json::array entries;
  for (const auto& row : answer->rows) entries.push_back(audit_object(row));
  const auto mark = people_.audit().mark();
  co_return json_response(
      {{"entries", std::move(entries)}, {"head", {{"seq", mark.seq}, {"hash", mark.hash}}}});
}

Answer Api::audit_anchors() {
  json::array list;
  for (const auto& anchor : people_.audit().anchors()) list.push_back(anchor_object(anchor));
  return json_response({{"anchors", std::move(list)}});
}

}  // namespace switchback::api
