// events: follows what happens, and goes on where it was after a lost connection.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

struct EventOptions {
  std::string last_id;
  unsigned count = 0;  // 0: without end
};

volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) {
  interrupted = 1;
}

int follow_events(const EventOptions& options, const Globals& globals) {
  Session session(globals);
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
  std::string last_id = options.last_id;
  unsigned shown = 0;
  bool reached = false;
  const auto on_event = [&](const web::ServerSentEvent& event) {
    reached = true;
    if (!event.id.empty()) last_id = event.id;
    const auto data = parse_object(event.data);
    if (globals.json) {
      const json::object line{{"id", event.id}, {"event", event.event}, {"data", data}};
      std::printf("%s\n", json::serialize(line).c_str());
    } else {
      std::fputs(render_event(event.event, data, session.style()).c_str(), stdout);
    }
    std::fflush(stdout);
    return !interrupted && (options.count == 0 || ++shown < options.count);
  };
  while (!interrupted && (options.count == 0 || shown < options.count)) {
    const auto answer = session.events(last_id, on_event, [] { return !interrupted; });
    if (interrupted || (options.count != 0 && shown >= options.count)) break;
    const bool refused = answer.failure == web::Failure::none && answer.status != 200;
    if (refused || (!reached && answer.failure != web::Failure::none)) session.fail(answer);
    std::fprintf(stderr, "switchback: the stream ended; connecting again\n");
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return exit_done;
}

}  // namespace

void add_events_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<EventOptions>();
  auto* command = app.add_subcommand("events", "Follow flips, health and alarms as they happen");
  command->footer("Example:\n  switchback events --json | jq .event");
  command->add_option("--after", options->last_id, "Begin after the event with this id")
      ->type_name("ID");
  command->add_option("--count", options->count, "End after so many events (0: never)")
      ->type_name("N")
      ->capture_default_str();
  command->callback([options, &action] {
    action = [options](const Globals& globals) { return follow_events(*options, globals); };
  });
}

}  // namespace switchback::cli
