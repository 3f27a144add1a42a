// verify: the plan against one side, now; and what the traffic of the active release is judged to
// be.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render_verify.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

struct VerifyOptions {
  std::string service, color = "standby";
};

int run_plan(const VerifyOptions& options, const Globals& globals) {
  Session session(globals);
  const auto name =
      options.service.empty() ? text_of(session.service(""), "service") : options.service;
  const auto path = service_path(name) + "/verification";
  const auto answer =
      session.call("POST", path + "?color=" + options.color, "", {}, std::chrono::seconds(160));
  if (answer.failure != web::Failure::none) session.fail_unreachable(answer.error);
  if (answer.status != 200) session.fail(answer);
  const auto standing = parse_object(answer.body);
  const auto known = session.get(path);
  const bool passed = count_of(standing, "passed") == count_of(standing, "total");
  if (globals.json) {
    json::object out{{"run", standing}, {"verification", known}};
    std::printf("%s\n", json::serialize(out).c_str());
  } else {
    std::fputs(render_verify(standing, known, session.style()).c_str(), stdout);
  }
  return passed ? exit_done : exit_expectation_failed;
}

}  // namespace

void add_verify_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<VerifyOptions>();
  auto* command = app.add_subcommand("verify", "Run the checks of the verification plan now");
  command->footer(
      "Example:\n  switchback verify shop --color active\n\n"
      "Ends with 0 when every check passed, with 10 when one did not. Nothing moves.");
  command
      ->add_option("SERVICE", options->service, "The service; may be left out where there is one")
      ->type_name("");
  command->add_option("--color", options->color, "Which side: standby, active, blue or green")
      ->check(CLI::IsMember({"standby", "active", "blue", "green"}))
      ->type_name("SIDE")
      ->capture_default_str();
  command->callback([options, &action] {
    action = [options](const Globals& globals) { return run_plan(*options, globals); };
  });
}

}  // namespace switchback::cli
