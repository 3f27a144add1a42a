// token new: a token for the TCP API, shown once; the configuration keeps only its hash.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/people/token.hpp"
#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"

namespace switchback::cli {
namespace {

struct TokenOptions {
  std::string name;
  std::string role = "operate";
};

int token_new(const TokenOptions& options, const Globals& globals) {
  const auto token = people::make_token(options.name);
  if (globals.json) {
    const json::object out{{"name", options.name},
                           {"role", options.role},
                           {"token", token.text},
                           {"sha256", token.sha256}};
    std::printf("%s\n", json::serialize(out).c_str());
    return exit_done;
  }
  std::printf("%s\n", token.text.c_str());
  std::fprintf(stderr,
               "\nThe line above is the token; it is shown this once. For whoever uses it:\n"
               "  SWITCHBACK_TOKEN=... switchback --admin http://HOST:PORT status\n"
               "In switchback.yaml, under admin.tokens, followed by SIGHUP:\n"
               "  - { name: %s, role: %s, sha256: %s }\n",
               options.name.c_str(), options.role.c_str(), token.sha256.c_str());
  return exit_done;
}

std::string valid_name(const std::string& name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  for (const char c : name) {
    if (!fine(c)) return "a name is made of a-z, 0-9, - and _";
  }
  return name.empty() || name.size() > 63 ? "a name has 1 to 63 characters" : "";
}

}  // namespace

void add_token_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenOptions>();
  auto* group = app.add_subcommand("token", "Tokens of the TCP API");
  group->require_subcommand(1);
  group->footer("Example:\n  switchback token new ci --role deploy");
  auto* make = group->add_subcommand("new", "Make a token, and the line for the configuration");
  make->footer("Example:\n  switchback token new ci --role deploy > ci.token");
  make->add_option("NAME", options->name, "Whose it is; appears in the history")
      ->required()
      ->check(valid_name)
      ->type_name("");
  make->add_option("--role", options->role,
                   "read < operate < deploy < admin; operate may roll back")
      ->check(CLI::IsMember({"read", "operate", "deploy", "admin"}))
      ->type_name("ROLE")
      ->capture_default_str();
  make->callback([options, &action] {
    action = [options](const Globals& globals) { return token_new(*options, globals); };
  });
}

}  // namespace switchback::cli
