// What every command shares: where the admin plane is, who asks, and how to print.
#pragma once

#include <functional>
#include <string>

#include "admin/cli/render.hpp"

namespace CLI {
class App;
}

namespace switchback::cli {

inline constexpr const char* default_admin = "/run/switchback/admin.sock";

struct Globals {
  std::string admin;  // --admin, else SWITCHBACK_ADMIN, else the default socket
  std::string ca_file, cert_file, key_file;  // of https; else SWITCHBACK_CA_FILE and so on
  std::string token_file;    // --token-file; else SWITCHBACK_TOKEN holds the token itself
  bool json = false;         // --json: the API's JSON instead of words
  bool admin_given = false;  // by --admin: commands shown to the user repeat it
};

// A command that cannot go on. run() prints `text` to stderr (or `json` to stdout under --json) and
// ends with `exit_code`.
struct CommandFailed {
  int exit_code = 2;
  std::string text;  // with newline
  std::string json;  // may be empty: then made of the text
};

// Set by the chosen subcommand while arguments are parsed, run afterwards.
using Action = std::function<int(const Globals&)>;

// How this process prints: colors only where stdout is a terminal that has not said NO_COLOR.
Style style_for(const Globals& globals);

// One function per family of commands, each in a file of its own.
void add_serve_command(CLI::App& app, Action& action);      // serve
void add_config_commands(CLI::App& app, Action& action);    // check, init
void add_demo_command(CLI::App& app, Action& action);       // demo
void add_status_commands(CLI::App& app, Action& action);    // status, history, healthcheck
void add_verify_command(CLI::App& app, Action& action);     // verify
void add_mirror_command(CLI::App& app, Action& action);     // mirror
void add_flip_commands(CLI::App& app, Action& action);      // flip, rollback
void add_door_commands(CLI::App& app, Action& action);      // pause, resume
void add_release_commands(CLI::App& app, Action& action);   // release, hold, report
void add_bench_command(CLI::App& app, Action& action);      // bench flip
void add_bake_command(CLI::App& app, Action& action);       // bake, bake audit
void add_readiness_command(CLI::App& app, Action& action);  // readiness
void add_notify_command(CLI::App& app, Action& action);     // notify list, notify test
void add_token_command(CLI::App& app, Action& action);    // token new, list, rotate, revoke, expire
void add_people_commands(CLI::App& app, Action& action);  // people, whoami
void add_audit_command(CLI::App& app, Action& action);    // audit list, audit verify
void add_events_command(CLI::App& app, Action& action);   // events

// Parses and runs; the process's exit code.
int run(int argc, char** argv);

}  // namespace switchback::cli
