// token: tokens of the TCP API. Made, listed, rotated, revoked and ended in a running switchback;
// where none answers, `token new` prints the line for the configuration instead.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"
#include "admin/people/token.hpp"
#include "config/dates.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::cli {
namespace {

struct TokenOptions {
  std::string name;
  std::string role = "operate";
  std::string expires, grace, at;
  std::vector<std::string> services;
  bool offline = false;
};

// What to put into admin.tokens: a date; a duration becomes the point in time it leads to.
std::string expiry_for_file(const std::string& text) {
  if (text.empty() || text == "never") return "";
  const auto length = config::parse_duration(text);
  if (const auto* duration = std::get_if<config::Duration>(&length))
    return config::format_instant(wall_us() + duration->count() * 1000);
  const auto instant = config::parse_instant(text);
  if (std::holds_alternative<config::Instant>(instant)) return text;
  const auto& fault = std::get<config::Fault>(instant);
  throw CommandFailed{exit_usage,
                      "switchback: --expires: " + fault.message + " (" + fault.hint + ", or 90d)\n",
                      ""};
}

int print_line(const TokenOptions& options, const Globals& globals) {
  const auto token = people::make_token(options.name);
  const std::string expires = expiry_for_file(options.expires);
  std::string services;
  for (const auto& name : options.services) services += (services.empty() ? "" : ", ") + name;
  if (globals.json) {
    json::object out{{"name", options.name},
                     {"role", options.role},
                     {"token", token.text},
                     {"sha256", token.sha256}};
    if (!expires.empty()) out["expires"] = expires;
    if (!services.empty())
      out["services"] = json::array(options.services.begin(), options.services.end());
    std::printf("%s\n", json::serialize(out).c_str());
    return exit_done;
  }
  std::printf("%s\n", token.text.c_str());
  std::string more = expires.empty() ? "" : ", expires: \"" + expires + "\"";
  if (!services.empty()) more += ", services: [" + services + "]";
  std::fprintf(stderr,
               "\nThe line above is the token; it is shown this once. For whoever uses it:\n"
               "  SWITCHBACK_TOKEN=... switchback --admin http://HOST:PORT status\n"
               "In switchback.yaml, under admin.tokens, followed by SIGHUP:\n"
               "  - { name: %s, role: %s, sha256: %s%s }\n",
               options.name.c_str(), options.role.c_str(), token.sha256.c_str(), more.c_str());
  return exit_done;
}

// The answer of a call that made a token: its text alone on stdout, the rest for people.
int show_made(const json::object& made, const Globals& globals) {
  if (globals.json) {
    std::printf("%s\n", json::serialize(made).c_str());
    return exit_done;
  }
  std::printf("%s\n", text_of(made, "token").c_str());
  std::fprintf(
      stderr,
      "\nThe line above is token %s (%s), in force now; it is shown this once. It ends: %s.\n"
      "  SWITCHBACK_TOKEN=... switchback --admin http://HOST:PORT status\n",
      text_of(made, "id").c_str(), text_of(made, "role").c_str(),
      text_of(made, "expires_at", "never").c_str());
  const auto& old = object_of(made, "replaces");
  if (!old.empty())
    std::fprintf(stderr, "The old one (%s) is valid until %s.\n", text_of(old, "id").c_str(),
                 text_of(old, "expires_at").c_str());
  for (const auto& warning : array_of(made, "warnings")) {
    if (warning.is_string()) std::fprintf(stderr, "warning: %s\n", warning.get_string().c_str());
  }
  return exit_done;
}

json::object must(Session& session, const web::ClientAnswer& answer) {
  if (answer.failure != web::Failure::none || answer.status >= 300) session.fail(answer);
  return parse_object(answer.body);
}

std::string path_of(const TokenOptions& options) {
  return "/v1/tokens/" + web::percent_encode(options.name);
}

int make(const TokenOptions& options, const Globals& globals) {
  if (options.offline) return print_line(options, globals);
  Session session(globals);
  json::object body{{"name", options.name}, {"role", options.role}};
  if (!options.expires.empty()) body["expires"] = options.expires;
  if (!options.services.empty())
    body["services"] = json::array(options.services.begin(), options.services.end());
  const auto answer = session.call("POST", "/v1/tokens", json::serialize(body));
  if (answer.failure == web::Failure::never_reached && !globals.admin_given) {
    std::fprintf(stderr, "switchback: no switchback answers (%s): a token for the configuration\n",
                 answer.error.c_str());
    return print_line(options, globals);
  }
  return show_made(must(session, answer), globals);
}

int rotate(const TokenOptions& options, const Globals& globals) {
  Session session(globals);
  json::object body;
  if (!options.grace.empty()) body["grace"] = options.grace;
  if (!options.expires.empty()) body["expires"] = options.expires;
  return show_made(
      must(session, session.call("POST", path_of(options) + "/rotate", json::serialize(body))),
      globals);
}

int show_changed(const json::object& token, const Globals& globals) {
  if (globals.json) {
    std::printf("%s\n", json::serialize(token).c_str());
  } else {
    std::printf("token %s: %s, ends %s\n", text_of(token, "id").c_str(),
                text_of(token, "state").c_str(), text_of(token, "expires_at", "never").c_str());
  }
  for (const auto& warning : array_of(token, "warnings")) {
    if (warning.is_string()) std::fprintf(stderr, "warning: %s\n", warning.get_string().c_str());
  }
  return exit_done;
}

int revoke(const TokenOptions& options, const Globals& globals) {
  Session session(globals);
  return show_changed(must(session, session.call("DELETE", path_of(options))), globals);
}

int expire(const TokenOptions& options, const Globals& globals) {
  Session session(globals);
  const json::object body{{"at", options.at}};
  return show_changed(
      must(session, session.call("POST", path_of(options) + "/expire", json::serialize(body))),
      globals);
}

int list(const Globals& globals) {
  Session session(globals);
  const auto body = session.get("/v1/tokens");
  if (globals.json) {
    std::printf("%s\n", json::serialize(body).c_str());
    return exit_done;
  }
  std::printf("%-28s %-12s %-8s %-9s %-21s %-21s %s\n", "ID", "NAME", "ROLE", "STATE", "ENDS",
              "LAST USED", "SERVICES");
  for (const auto& value : array_of(body, "tokens")) {
    if (!value.is_object()) continue;
    const auto& token = value.get_object();
    std::string services;
    for (const auto& name : array_of(token, "services")) {
      if (name.is_string())
        services += (services.empty() ? "" : ", ") + std::string(name.get_string());
    }
    std::printf("%-28s %-12s %-8s %-9s %-21s %-21s %s\n", text_of(token, "id").c_str(),
                text_of(token, "name").c_str(), text_of(token, "role").c_str(),
                text_of(token, "state").c_str(), text_of(token, "expires_at", "never").c_str(),
                text_of(token, "last_used_at", "never").c_str(),
                services.empty() ? "all" : services.c_str());
  }
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

using Options = std::shared_ptr<TokenOptions>;

CLI::App* one(CLI::App& group, const char* name, const char* what, const char* example,
              const Options& options, Action& action,
              int (*run)(const TokenOptions&, const Globals&)) {
  auto* command = group.add_subcommand(name, what);
  command->footer(std::string("Example:\n  switchback token ") + example);
  command->callback([options, run, &action] {
    action = [options, run](const Globals& globals) { return run(*options, globals); };
  });
  return command;
}

void add_new(CLI::App& group, Action& action, const Options& options) {
  auto* make_it =
      one(group, "new", "Make a token, in force at once (or the line for the configuration)",
          "new ci --role deploy --expires 90d > ci.token", options, action, make);
  make_it->add_option("NAME", options->name, "Whose it is; appears in the history")
      ->required()
      ->check(valid_name)
      ->type_name("");
  make_it
      ->add_option("--role", options->role,
                   "read < operate < deploy < admin; operate may roll back")
      ->check(CLI::IsMember({"read", "operate", "deploy", "admin"}))
      ->type_name("ROLE")
      ->capture_default_str();
  make_it
      ->add_option("--expires", options->expires,
                   "When it ends: 90d or 2027-01-31 (default: never)")
      ->type_name("WHEN");
  make_it->add_option("--service", options->services, "It may change this service only; repeatable")
      ->type_name("NAME");
  make_it->add_flag("--offline", options->offline,
                    "Ask no running switchback: print the line for the configuration");
}

}  // namespace

void add_token_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<TokenOptions>();
  auto* group = app.add_subcommand("token", "Tokens of the TCP API");
  group->require_subcommand(1);
  group->footer("Example:\n  switchback token new ci --role deploy");
  add_new(*group, action, options);
  auto* all = group->add_subcommand("list", "All tokens, their ends and their last use");
  all->footer("Example:\n  switchback token list");
  all->callback([&action] { action = list; });
  const auto named = [&](CLI::App* command) {
    command->add_option("TOKEN", options->name, "Its id, or its name")->required()->type_name("");
    return command;
  };
  auto* turn =
      named(one(*group, "rotate", "A new text under the same name; the old one ends with a grace",
                "rotate ci --grace 1h > ci.token", options, action, rotate));
  turn->add_option("--grace", options->grace, "How long the old one stays valid (default 24h)")
      ->type_name("DURATION");
  turn->add_option("--expires", options->expires,
                   "When the new one ends (default: after as long as the old one was made for)")
      ->type_name("WHEN");
  named(one(*group, "revoke", "End a token now", "revoke ci", options, action, revoke));
  auto* end = named(one(*group, "expire", "Say when a token ends", "expire ci --at 30d", options,
                        action, expire));
  end->add_option("--at", options->at, "30d, 2027-01-31, or never")->required()->type_name("WHEN");
}

}  // namespace switchback::cli
