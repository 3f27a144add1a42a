#include "admin/cli/switch_call.hpp"

#include <array>
#include <cstdio>
#include <random>
#include <thread>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/json_view.hpp"

namespace switchback::cli {
namespace {

constexpr int attempts = 4;

bool is_receipt(const web::ClientAnswer& answer) {
  return answer.status >= 200 && answer.status < 300;
}

// A gateway's or a dying server's answer says nothing about what was done.
bool tells_nothing(const web::ClientAnswer& answer) {
  return answer.failure == web::Failure::answer_lost ||
         (answer.failure == web::Failure::none && answer.status >= 500 &&
          parse_object(answer.body).if_contains("moved") == nullptr);
}

bool names_side(const json::object& service, const std::string& wanted) {
  const auto active = text_of(service, "active");
  return active == wanted || text_of(object_of(service, "releases"), active) == wanted;
}

[[noreturn]] void fail_lost(const SwitchCall& call, const Session& session,
                            const std::string& error) {
  const auto& style = session.style();
  const json::object problem{{"type", "about:blank"},
                             {"title", "sent, but the answer was lost"},
                             {"detail", error},
                             {"code", "answer_lost"},
                             {"exit_code", exit_answer_lost},
                             {"next", call.again}};
  const std::string text =
      "switchback: sent, but the answer was lost: " + error +
      "\n  Whether traffic moved is NOT KNOWN. Asking again is safe; it will not flip back:\n"
      "  next: " +
      call.again + style.admin_flag + "\n";
  throw CommandFailed{exit_answer_lost, text, json::serialize(problem)};
}

// 412: somebody was faster. Where they went the same way there is nothing left to do.
std::optional<Switched> settled_by_other(Session& session, const SwitchCall& call) {
  const auto answer = session.call("GET", service_path(call.service));
  const auto service = parse_object(answer.body);
  if (answer.failure != web::Failure::none || !names_side(service, call.to)) return std::nullopt;
  Switched out;
  out.receipt = object_of(service, "last_flip");
  out.target_reached_by_other = true;
  return out;
}

}  // namespace

std::string default_flip_target(const json::object& service, std::int64_t now_ms) {
  auto active = text_of(service, "active");
  const auto& last = object_of(service, "last_flip");
  const auto at = ulid_time_ms(text_of(last, "flip"));
  if (at && now_ms - *at < repeat_window_ms && text_of(last, "kind") == "promote" &&
      text_of(last, "to") == active) {
    return active;
  }
  return active == "blue" ? "green" : "blue";
}

std::string new_idempotency_key() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(random()));
    key += digits.data();
  }
  return key;
}

Switched send_switch(Session& session, const SwitchCall& call) {
  web::Fields fields{{"Idempotency-Key", "\"" + call.idempotency_key + "\""}};
  if (call.if_match) fields.emplace_back("If-Match", "\"" + std::to_string(*call.if_match) + "\"");
  std::string lost;  // why an earlier attempt's answer did not come
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100 << attempt));
    const auto answer =
        session.call("POST", service_path(call.service) + "/" + call.path, call.body, fields);
    if (tells_nothing(answer)) {
      lost = answer.failure == web::Failure::none ? "HTTP " + std::to_string(answer.status)
                                                  : answer.error;
      continue;
    }
    if (answer.failure == web::Failure::never_reached) {
      if (lost.empty()) session.fail_unreachable(answer.error);
      continue;
    }
    if (is_receipt(answer)) return {parse_object(answer.body), false};
    if (answer.status == 412 && !call.to.empty()) {
      if (auto settled = settled_by_other(session, call)) return *settled;
    }
    session.fail(answer, call.stays);
  }
  fail_lost(call, session, lost);
}

}  // namespace switchback::cli
