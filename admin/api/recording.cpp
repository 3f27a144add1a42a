// What becomes of a change, or of a refused one, in the audit chain: one place for all calls, so
// that a new one cannot be forgotten.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "admin/api/api.hpp"
#include "admin/api/people_json.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

constexpr std::size_t most_body_bytes = 4096;  // of a request, in an entry

// "switchback token new NAME" -> "token.new", "switchback hold {s} --release" -> "hold.release"
std::string action_of(std::string_view command) {
  std::string action;
  for (bool program = true; !command.empty(); program = false) {
    auto word = command.substr(0, command.find(' '));
    command.remove_prefix(std::min(word.size() + 1, command.size()));
    while (word.starts_with('-')) word.remove_prefix(1);
    const bool name = !word.empty() && word.front() >= 'a' && word.front() <= 'z';
    if (program || !name) continue;
    if (!action.empty()) action += '.';
    action += word;
  }
  return action;
}

std::string source_of(const web::Peer& peer) {
  return peer.kind == web::Peer::Kind::unix_socket ? "unix" : peer.ip;
}

json::value asked(const std::string& body) {
  if (body.empty()) return nullptr;
  if (body.size() > most_body_bytes) return "(longer than 4 KiB)";
  boost::system::error_code error;
  auto value = json::parse(body, error);
  return error ? json::value("(no JSON)") : value;
}

bool is_true(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

void copy(const json::object& from, json::object& to, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto* value = from.if_contains(name)) to[name] = *value;
  }
}

// The members of an answer that say what came of it; never the text of a token.
json::object outcome(const json::object& answer, unsigned status) {
  json::object out{{"status", status}, {"moved", is_true(answer, "moved")}};
  out["result"] = status >= 400 ? "refused" : is_true(answer, "already") ? "already" : "done";
  copy(answer, out, {"code", "flip", "epoch", "state", "id", "name", "expires_at"});
  return out;
}

}  // namespace

// After the answer: a record, like a log, must not hold a rollback up.
void Api::record(const Call& call, const Answer& given) {
  const json::object& answer = given.members;
  json::object body = outcome(answer, given.status);
  body["request"] = asked(call.request.body);
  body["call"] = call.request.method + " " + call.request.path.substr(0, 200);
  if (!call.request.peer.via.empty()) body["via"] = call.request.peer.via;
  const bool idle = given.status >= 400 || is_true(answer, "already");
  // Proven hands: who has really moved traffic, by whichever call.
  const bool operated = is_true(answer, "moved") && !is_true(answer, "already") &&
                        answer.if_contains("flip") != nullptr && !call.actor.person.empty();
  if (operated) people_.operated(call.actor.principal(), wall_us());
  ledger::AuditEntry entry{wall_us(),
                           call.actor.name,
                           call.actor.auth,
                           source_of(call.request.peer),
                           action_of(call.route.command),
                           canonical_json(body)};
  people_.audit().note(std::move(entry), idle && !is_true(answer, "moved")
                                             ? people::Weight::idle
                                             : people::Weight::change);
}

void Api::record_refusal(const web::Request& request, const Need& need, const Refusal& refused) {
  const bool known = !refused.actor.empty();
  const auto& peer = request.peer;
  const std::string nobody = peer.kind == web::Peer::Kind::unix_socket
                                 ? "uid " + std::to_string(peer.uid)
                                 : std::string("stranger");
  json::object body{{"status", refused.problem.status},
                    {"code", refused.problem.code},
                    {"result", "refused"},
                    {"moved", false},
                    {"call", request.method + " " + request.path.substr(0, 200)}};
  if (!peer.via.empty()) body["via"] = peer.via;
  ledger::AuditEntry entry{
      wall_us(),       known ? refused.actor : nobody, known ? refused.auth : "none",
      source_of(peer), action_of(need.action),         canonical_json(body)};
  people_.audit().note(std::move(entry), known ? people::Weight::idle : people::Weight::stranger);
}

}  // namespace switchback::api
