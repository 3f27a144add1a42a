#include "admin/cli/bench_switch.hpp"

#include <chrono>
#include <thread>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/switch_call.hpp"

namespace switchback::cli {

AdminSwitch::AdminSwitch(Session& session, const json::object& service)
    : session_(session),
      service_(text_of(service, "service")),
      epoch_(count_of(service, "epoch")) {}

bench::SwitchAnswer AdminSwitch::move(Color to, const std::string& reason) {
  const std::string name(to_string(to));
  return send("flips", {{"to", name}, {"reason", reason}}, name);
}

bench::SwitchAnswer AdminSwitch::roll_back(const std::string& reason) {
  return send("rollback", {{"reason", reason}}, "");
}

bench::SwitchAnswer AdminSwitch::send(const std::string& path, json::object body,
                                      const std::string& to) {
  bench::SwitchAnswer answer;
  SwitchCall call;
  call.service = service_;
  call.path = path;
  call.to = to;
  call.body = json::serialize(body);
  call.idempotency_key = new_idempotency_key();
  call.if_match = epoch_;
  call.again = "switchback status " + service_;
  try {
    const auto switched = send_switch(session_, call);
    answer.at = monotonic_ns();
    const auto& receipt = switched.receipt;
    if (switched.target_reached_by_other || !flag_of(receipt, "moved")) {
      answer.hands_off = true;
      answer.error = "somebody else has moved traffic meanwhile; it stays where it is";
      return answer;
    }
    answer.moved = true;
    answer.flip = text_of(receipt, "flip");
    epoch_ = count_of(receipt, "epoch");
    if (text_of(receipt, "state") == "switching") await_barrier(answer);
  } catch (const CommandFailed& failure) {
    answer.error = failure.text;
    while (answer.error.ends_with('\n')) answer.error.pop_back();
    answer.hands_off = failure.exit_code == exit_expectation_failed;
  }
  return answer;
}

void AdminSwitch::await_barrier(bench::SwitchAnswer& answer) {
  constexpr auto limit = std::chrono::seconds(10);
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until && !stages(answer.flip).switched) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  answer.at = monotonic_ns();
}

bench::ReceiptStages AdminSwitch::stages(const std::string& flip) {
  bench::ReceiptStages out;
  const auto answer = session_.call("GET", "/v1/flips/" + flip);
  if (answer.failure != web::Failure::none || answer.status != 200) return out;
  const auto receipt = parse_object(answer.body);
  const auto& stages = object_of(receipt, "stages_ms");
  out.persisted = number_of(stages, "persisted");
  out.switched = number_of(stages, "switched");
  out.drained = number_of(stages, "drained");
  out.verified = number_of(stages, "verified");
  if (const auto* settled = field(object_of(receipt, "verification"), "settled")) {
    out.verifying = settled->is_bool() && !settled->get_bool();
  }
  return out;
}

}  // namespace switchback::cli
