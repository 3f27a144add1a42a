// pause and resume: requests wait at the door, in order, and go on to the side active then.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

struct DoorOptions {
  std::string service;
  std::string max = "30s";
};

int move_door(const DoorOptions& options, const Globals& globals, bool shut) {
  Session session(globals);
  const auto name =
      options.service.empty() ? text_of(session.service(""), "service") : options.service;
  const auto body = shut ? json::serialize(json::object{{"max", options.max}}) : std::string();
  const auto answer =
      session.call("POST", service_path(name) + (shut ? "/pause" : "/resume"), body);
  // Both may be repeated without harm, so a lost answer needs no key: asking again settles it.
  if (answer.failure == web::Failure::answer_lost) {
    throw CommandFailed{
        exit_answer_lost,
        "switchback: sent, but the answer was lost: " + answer.error +
            "\n  Running the same command again is safe. Traffic did not change sides.\n",
        ""};
  }
  if (answer.failure != web::Failure::none || answer.status >= 300) session.fail(answer);
  if (globals.json) {
    std::printf("%s\n", answer.body.empty() ? "{}" : answer.body.c_str());
  } else if (shut) {
    std::printf(
        "%s: paused. New requests wait at the door, for %s at most.\n"
        "  open it: switchback resume %s%s\n",
        name.c_str(), options.max.c_str(), name.c_str(), session.style().admin_flag.c_str());
  } else {
    std::printf("%s: the door is open; what waited goes on to the active side.\n", name.c_str());
  }
  return exit_done;
}

}  // namespace

void add_door_commands(CLI::App& app, Action& action) {
  auto options = std::make_shared<DoorOptions>();
  const auto add_service = [&options](CLI::App* command) {
    command
        ->add_option("SERVICE", options->service, "The service; may be left out where there is one")
        ->type_name("");
  };
  auto* pause = app.add_subcommand("pause", "Let a service's new requests wait at the door");
  pause->footer(
      "Example:\n  switchback pause shop --max 10s     (a database fails over meanwhile)");
  add_service(pause);
  pause->add_option("--max", options->max, "The door opens by itself after it")
      ->type_name("DURATION")
      ->capture_default_str();
  pause->callback([options, &action] {
    action = [options](const Globals& globals) { return move_door(*options, globals, true); };
  });
  auto* resume = app.add_subcommand("resume", "Open the door again");
  resume->footer("Example:\n  switchback resume shop");
  add_service(resume);
  resume->callback([options, &action] {
    action = [options](const Globals& globals) { return move_door(*options, globals, false); };
  });
}

}  // namespace switchback::cli
