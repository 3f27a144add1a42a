// readiness: the five questions of a rollback plan, answered with what was measured.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render_readiness.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

int exit_of(const json::object& readiness) {
  const auto overall = text_of(readiness, "overall");
  if (overall == "READY") return exit_done;
  return overall == "DEGRADED" ? exit_degraded : exit_not_ready;
}

// 40 goes before 41 goes before 0.
int worse(int a, int b) {
  if (a == exit_not_ready || b == exit_not_ready) return exit_not_ready;
  return a == exit_degraded ? a : b;
}

int show(const std::string& service, const Globals& globals) {
  Session session(globals);
  std::vector<std::string> names;
  if (!service.empty()) {
    names.push_back(service);
  } else {
    for (const auto& one : session.services())
      if (one.is_object()) names.push_back(text_of(one.get_object(), "service"));
  }
  int exit_code = exit_done;
  json::array all;
  std::string text;
  for (const auto& name : names) {
    auto answer = session.get(service_path(name) + "/readiness");
    exit_code = worse(exit_code, exit_of(answer));
    text += (text.empty() ? "" : "\n") + render_readiness(answer, session.style(), now_wall_ms());
    all.push_back(std::move(answer));
  }
  if (globals.json) {
    text = json::serialize(service.empty() ? json::value(json::object{{"services", all}})
                                           : all.at(0)) +
           "\n";
  }
  std::fputs(text.c_str(), stdout);
  return exit_code;
}

}  // namespace

void add_readiness_command(CLI::App& app, Action& action) {
  auto service = std::make_shared<std::string>();
  auto* command = app.add_subcommand(
      "readiness", "Could we go back right now? The five questions, with what was measured");
  command->footer(
      "Example:\n  switchback readiness shop\n\nExit codes: 0 READY, 41 DEGRADED (warnings), 40 "
      "NOT "
      "READY.");
  command->add_option("SERVICE", *service, "The service; left out: all of them")->type_name("");
  command->callback([service, &action] {
    action = [service](const Globals& globals) { return show(*service, globals); };
  });
}

}  // namespace switchback::cli
