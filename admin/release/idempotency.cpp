#include "admin/release/idempotency.hpp"

#include <boost/json.hpp>
#include <chrono>

#include "admin/events/receipt_json.hpp"

namespace switchback::release {
namespace json = boost::json;
namespace {

std::string text_of(const json::object& object, const char* name) {
  const auto* v = object.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string().c_str()) : std::string();
}

}  // namespace

std::string answer_json(const FlipAnswer& answer) {
  if (const auto* receipt = std::get_if<Receipt>(&answer)) return events::receipt_json(*receipt);
  const auto& problem = std::get<Problem>(answer);
  return json::serialize(json::object{{"status", problem.status},
                                      {"code", problem.code},
                                      {"title", problem.title},
                                      {"detail", problem.detail},
                                      {"moved", problem.moved},
                                      {"next", problem.next},
                                      {"exit_code", problem.exit_code}});
}

std::optional<FlipAnswer> answer_from_json(std::string_view text) {
  if (auto receipt = events::receipt_from_json(text)) return FlipAnswer(std::move(*receipt));
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(text.data(), text.size()), ec);
  const auto* object = ec ? nullptr : value.if_object();
  const auto* status = object ? object->if_contains("status") : nullptr;
  const auto* exit_code = object ? object->if_contains("exit_code") : nullptr;
  if (!status || !status->is_number() || !exit_code || !exit_code->is_number()) return std::nullopt;
  Problem problem;
  problem.status = status->to_number<unsigned>();
  problem.exit_code = exit_code->to_number<int>();
  problem.code = text_of(*object, "code");
  problem.title = text_of(*object, "title");
  problem.detail = text_of(*object, "detail");
  problem.next = text_of(*object, "next");
  const auto* moved = object->if_contains("moved");
  problem.moved = moved && moved->is_bool() && moved->get_bool();
  return FlipAnswer(std::move(problem));
}

// If-Match is a condition on the moment, not part of what was asked.
std::string IdempotencyTable::fingerprint(const FlipRequest& request, bool rollback) {
  json::array parts{rollback ? "rollback" : "promote",
                    request.service,
                    rollback ? "" : request.to.value_or(""),
                    request.reason,
                    request.force,
                    request.request_fingerprint};
  return json::serialize(parts);
}

IdempotencyTable::Found IdempotencyTable::find(const FlipRequest& request, bool rollback,
                                               std::int64_t now_wall_us) {
  const auto at = entries_.find({request.actor.name, request.idempotency_key});
  if (at == entries_.end()) return {};
  const auto& entry = at->second;
  if (!entry.run && entry.expires_wall_us <= now_wall_us) return {};
  if (entry.request != fingerprint(request, rollback)) return {Found::What::reused, nullptr, {}};
  if (entry.run) return {Found::What::running, entry.run, {}};
  return {Found::What::finished, nullptr, entry.answer};
}

void IdempotencyTable::begin(const FlipRequest& request, bool rollback,
                             std::shared_ptr<FlipRun> run) {
  put({request.actor.name, request.idempotency_key},
      {fingerprint(request, rollback), std::move(run), {}, 0});
}

std::int64_t IdempotencyTable::expiry(std::int64_t now_wall_us) const {
  return now_wall_us + std::chrono::duration_cast<std::chrono::microseconds>(ttl_).count();
}

void IdempotencyTable::finish(const FlipRequest& request, bool rollback, const FlipAnswer& answer,
                              std::int64_t now_wall_us) {
  put({request.actor.name, request.idempotency_key},
      {fingerprint(request, rollback), nullptr, answer, expiry(now_wall_us)});
}

ledger::IdempotencyRow IdempotencyTable::row(const FlipRequest& request, bool rollback,
                                             const FlipAnswer& answer,
                                             std::int64_t now_wall_us) const {
  const auto* problem = std::get_if<Problem>(&answer);
  return {request.actor.name,
          request.idempotency_key,
          fingerprint(request, rollback),
          problem ? problem->status : 200,
          answer_json(answer),
          expiry(now_wall_us)};
}

void IdempotencyTable::restore(const ledger::IdempotencyRow& row) {
  const Key key{row.principal, row.key};
  if (entries_.count(key) != 0) return;  // this life knows better
  if (auto answer = answer_from_json(row.body))
    put(key, {row.request, nullptr, std::move(*answer), row.expires_wall_us});
}

void IdempotencyTable::put(Key key, Entry entry) {
  const auto [at, fresh] = entries_.insert_or_assign(key, std::move(entry));
  if (!fresh) return;
  order_.push_back(std::move(key));
  if (order_.size() > kept_) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

}  // namespace switchback::release
