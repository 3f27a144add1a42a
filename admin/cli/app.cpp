#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/version.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "admin/cli/arguments.hpp"
#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"

namespace switchback::cli {
namespace {

void add_global_options(CLI::App& app, Globals& globals) {
  app.add_option(
         "--admin", globals.admin,
         "The admin plane: a socket's path or http[s]://HOST:PORT (environment: SWITCHBACK_ADMIN)")
      ->type_name("URL|PATH")
      ->default_str(default_admin);
  app.add_option("--token-file", globals.token_file,
                 "A file with the token for TCP (or the token itself in the environment: "
                 "SWITCHBACK_TOKEN)")
      ->type_name("FILE");
  const auto file = [&app](const char* name, std::string& into, const char* what,
                           const char* variable) {
    app.add_option(name, into, what)->type_name("FILE")->envname(variable);
  };
  file("--ca-file", globals.ca_file, "https: the authority the server's certificate leads to",
       "SWITCHBACK_CA_FILE");
  file("--cert-file", globals.cert_file, "https: your client certificate", "SWITCHBACK_CERT_FILE");
  file("--key-file", globals.key_file, "https: its private key", "SWITCHBACK_KEY_FILE");
  app.add_flag("--json", globals.json, "Print the API's JSON");
}

void add_version_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("version", "Print the version");
  command->footer("Example:\n  switchback version");
  command->callback([&action] {
    action = [](const Globals& globals) {
      if (globals.json) {
        std::printf("{\"version\":\"%s\"}\n", SWITCHBACK_VERSION);
      } else {
        std::printf("switchback %s (g++ %s, Boost %s)\n", SWITCHBACK_VERSION, __VERSION__,
                    BOOST_LIB_VERSION);
      }
      return exit_done;
    };
  });
}

void take_environment(const CLI::App& app, Globals& globals) {
  globals.admin_given = app.count("--admin") > 0;
  if (globals.admin_given) return;
  const char* admin = std::getenv("SWITCHBACK_ADMIN");
  globals.admin = admin && *admin ? admin : default_admin;
}

int report(const CommandFailed& failure, const Globals& globals) {
  if (!globals.json) {
    std::fputs(failure.text.c_str(), stderr);
  } else if (!failure.json.empty()) {
    std::printf("%s\n", failure.json.c_str());
  } else {
    std::string title = failure.text;
    while (!title.empty() && title.back() == '\n') title.pop_back();
    const json::object problem{{"type", "about:blank"},
                               {"title", title},
                               {"moved", false},
                               {"exit_code", failure.exit_code}};
    std::printf("%s\n", json::serialize(problem).c_str());
  }
  return failure.exit_code;
}

int run_action(const Action& action, const Globals& globals) {
  try {
    return action(globals);
  } catch (const CommandFailed& failure) {
    return report(failure, globals);
  } catch (const std::exception& error) {
    return report({exit_usage, std::string("switchback: ") + error.what() + "\n", ""}, globals);
  }
}

}  // namespace

Style style_for(const Globals& globals) {
  Style style;
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  style.color = ::isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
                !(terminal && std::string_view(terminal) == "dumb");
  if (globals.admin_given) style.admin_flag = " --admin " + globals.admin;
  return style;
}

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"switchback: a proxy with two sides, blue and green, and one switch between them."};
  app.footer(
      "Examples:\n"
      "  switchback demo                        everything on this machine, to try it\n"
      "  switchback init && switchback serve --config switchback.yaml\n"
      "  switchback flip shop --to green        send traffic to green\n"
      "  switchback rollback shop               and back\n"
      "Every command has --help with an example (or: switchback help COMMAND).\n"
      "Exit codes: 0 done, 2 usage, 3 never reached, 4 not allowed, 5 sent but the answer was\n"
      "lost, 10-29 nothing moved, 30-39 moved, but.");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string("switchback ") + SWITCHBACK_VERSION);
  Globals globals;
  Action action;
  add_global_options(app, globals);
  add_serve_command(app, action);
  add_config_commands(app, action);
  add_demo_command(app, action);
  add_status_commands(app, action);
  add_verify_command(app, action);
  add_mirror_command(app, action);
  add_flip_commands(app, action);
  add_door_commands(app, action);
  add_readiness_command(app, action);
  add_release_commands(app, action);
  add_bake_command(app, action);
  add_notify_command(app, action);
  add_token_command(app, action);
  add_people_commands(app, action);
  add_audit_command(app, action);
  add_events_command(app, action);
  add_bench_command(app, action);
  add_version_command(app, action);
  Arguments arguments = with_help_first({argv + 1, argv + argc});
  if (const std::string fault = unknown_command(app, arguments); !fault.empty()) {
    std::fprintf(stderr, "switchback: %s\n", fault.c_str());
    return exit_usage;
  }
  try {
    app.parse(Arguments(arguments.rbegin(), arguments.rend()));  // CLI11 takes the last first
  } catch (const CLI::ParseError& error) {
    // CLI11 has a number of its own for every kind of fault; a script needs to know one thing.
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  take_environment(app, globals);
  return run_action(action, globals);
}

}  // namespace switchback::cli
