// mirror: what copies of requests to the standby have shown.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render_mirror.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

struct MirrorOptions {
  std::string service;
  unsigned samples = 5;
};

int show_mirror(const MirrorOptions& options, const Globals& globals) {
  Session session(globals);
  std::vector<std::string> names;
  if (!options.service.empty()) {
    names.push_back(options.service);
  } else {
    for (const auto& service : session.services()) {
      if (service.is_object()) names.push_back(text_of(service.get_object(), "service"));
    }
  }
  json::array all;
  for (const auto& name : names) all.push_back(session.get(service_path(name) + "/mirror"));
  if (globals.json) {
    const json::value answer =
        options.service.empty() ? json::value(json::object{{"services", all}}) : all.at(0);
    std::printf("%s\n", json::serialize(answer).c_str());
    return exit_done;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) std::fputs("\n", stdout);
    std::fputs(
        render_mirror(all[i].get_object(), session.style(), now_wall_ms(), options.samples).c_str(),
        stdout);
  }
  return exit_done;
}

}  // namespace

void add_mirror_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<MirrorOptions>();
  auto* command = app.add_subcommand(
      "mirror", "How the standby answered copies of requests, beside the active side");
  command->footer("Example:\n  switchback mirror shop --samples 20");
  command->add_option("SERVICE", options->service, "The service; left out: all of them")
      ->type_name("");
  command->add_option("--samples", options->samples, "How many of the newest differences to show")
      ->type_name("N")
      ->capture_default_str();
  command->callback([options, &action] {
    action = [options](const Globals& globals) { return show_mirror(*options, globals); };
  });
}

}  // namespace switchback::cli
