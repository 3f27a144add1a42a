// bake: what watches a release after its promote says, and whether it can be trusted to act.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render_bake.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

int show(const std::string& service, bool audit, const Globals& globals) {
  Session session(globals);
  const std::string name = service.empty() ? text_of(session.service(""), "service") : service;
  const auto answer = session.get(service_path(name) + (audit ? "/bake/audit" : "/bake"));
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else {
    std::fputs((audit ? render_bake_audit : render_bake)(answer, session.style()).c_str(), stdout);
  }
  return exit_done;
}

}  // namespace

void add_bake_command(CLI::App& app, Action& action) {
  auto service = std::make_shared<std::string>();
  auto* command = app.add_subcommand(
      "bake", "How the active release is watched, and what speaks against going back by itself");
  command->footer("Examples:\n  switchback bake shop\n  switchback bake audit shop");
  command->require_subcommand(0, 1);
  command->fallthrough();
  command->add_option("SERVICE", *service, "The service; may be left out where there is one")
      ->type_name("");
  auto* audit = command->add_subcommand(
      "audit",
      "Holds its alarms against what people did; says whether `auto` has earned its trust");
  audit->footer("Example:\n  switchback bake audit shop");
  auto audited = std::make_shared<std::string>();
  audit->add_option("SERVICE", *audited, "The service; may be left out where there is one")
      ->type_name("");
  audit->callback([audited, &action] {
    action = [audited](const Globals& globals) { return show(*audited, true, globals); };
  });
  command->callback([service, audit, &action] {
    if (audit->parsed()) return;
    action = [service](const Globals& globals) { return show(*service, false, globals); };
  });
}

}  // namespace switchback::cli
