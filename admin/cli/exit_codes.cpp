#include "admin/cli/exit_codes.hpp"

#include "admin/cli/json_view.hpp"

namespace switchback::cli {

int exit_code_of_problem(unsigned http_status, const json::object& problem) {
  if (const auto said = number_of(problem, "exit_code")) {
    if (*said >= 1 && *said <= 99) return static_cast<int>(*said);
  }
  if (http_status == 401 || http_status == 403) return exit_unauthorised;
  if (flag_of(problem, "moved")) return exit_verification_failed;
  const std::string code = text_of(problem, "code");
  if (code == "gate_unsafe") return exit_gate_unsafe;
  if (code == "standby_unfit") return exit_standby_unfit;
  if (code == "nothing_to_roll_back_to") return exit_nothing_to_roll_back_to;
  return exit_expectation_failed;
}

int exit_code_of_receipt(const json::object& receipt) {
  const std::string state = text_of(receipt, "state");
  if (flag_of(receipt, "already")) return exit_done;
  if (state == "switching") return exit_switching;
  if (state == "regressed") return exit_verification_failed;
  if (state == "unverified") return exit_unverified;
  if (!flag_of(receipt, "durable", true)) return exit_not_persisted;
  return exit_done;
}

}  // namespace switchback::cli
