// status, history, healthcheck: looking, without touching.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

struct LookOptions {
  std::string service;
  unsigned limit = 20;
};

int status(const LookOptions& options, const Globals& globals) {
  Session session(globals);
  const auto& style = session.style();
  const auto target = options.service.empty() ? "/v1/services" : service_path(options.service);
  const auto answer = session.get(target);
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else if (options.service.empty()) {
    std::fputs(render_services(array_of(answer, "services"), style, now_wall_ms()).c_str(), stdout);
    std::fputs(render_alarms(array_of(answer, "alarms"), style).c_str(), stdout);
  } else {
    std::fputs(render_service(answer, style, now_wall_ms()).c_str(), stdout);
    std::fputs(render_alarms(array_of(answer, "alarms"), style).c_str(), stdout);
  }
  return exit_done;
}

int history(const LookOptions& options, const Globals& globals) {
  Session session(globals);
  const auto of = options.service.empty() ? std::string("/v1") : service_path(options.service);
  const auto answer = session.get(of + "/flips?limit=" + std::to_string(options.limit));
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else {
    std::fputs(render_history(array_of(answer, "flips"), session.style(), now_wall_ms()).c_str(),
               stdout);
  }
  return exit_done;
}

// For Docker's HEALTHCHECK and the like: 0 or 1, since other codes are reserved there.
int healthcheck(const Globals& globals) {
  Session session(globals);
  const auto answer = session.call("GET", "/healthz", "", {}, std::chrono::seconds(3));
  if (answer.failure == web::Failure::none && answer.status == 200) return 0;
  const auto why =
      answer.failure == web::Failure::none ? "HTTP " + std::to_string(answer.status) : answer.error;
  std::fprintf(stderr, "switchback: not healthy: %s\n", why.c_str());
  return 1;
}

}  // namespace

void add_status_commands(CLI::App& app, Action& action) {
  auto options = std::make_shared<LookOptions>();
  auto* look = app.add_subcommand("status", "Active side, health, drains and the last flip");
  look->footer("Example:\n  switchback status shop");
  look->add_option("SERVICE", options->service, "The service; left out: all of them")
      ->type_name("");
  look->callback([options, &action] {
    action = [options](const Globals& globals) { return status(*options, globals); };
  });

  auto* past = app.add_subcommand("history", "Flips and rollbacks, newest first, with their times");
  past->footer("Example:\n  switchback history shop --limit 5");
  past->add_option("SERVICE", options->service, "The service; left out: all of them")
      ->type_name("");
  past->add_option("--limit", options->limit, "How many")->type_name("N")->capture_default_str();
  past->callback([options, &action] {
    action = [options](const Globals& globals) { return history(*options, globals); };
  });

  auto* health = app.add_subcommand("healthcheck", "Exit 0 if the instance answers, else 1");
  health->footer("Example:\n  HEALTHCHECK CMD [\"switchback\", \"healthcheck\"]");
  health->callback([&action] { action = healthcheck; });
}

}  // namespace switchback::cli
