// people, whoami: who may act, who has proved it, and what I may do.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

std::string joined(const json::object& object, std::string_view name, const char* none) {
  std::string out;
  for (const auto& item : array_of(object, name)) {
    if (item.is_string()) out += (out.empty() ? "" : ", ") + std::string(item.get_string());
  }
  return out.empty() ? none : out;
}

int show_people(const Globals& globals) {
  Session session(globals);
  const auto body = session.get("/v1/people");
  if (globals.json) {
    std::printf("%s\n", json::serialize(body).c_str());
    return exit_done;
  }
  std::printf("%-20s %-8s %-22s %-21s %-21s %s\n", "NAME", "ROLE", "COMES BY", "LAST USED",
              "MOVED TRAFFIC", "TOKEN UNTIL");
  for (const auto& value : array_of(body, "people")) {
    if (!value.is_object()) continue;
    const auto& person = value.get_object();
    std::printf("%-20s %-8s %-22s %-21s %-21s %s%s\n", text_of(person, "name").c_str(),
                text_of(person, "role").c_str(), joined(person, "auth", "-").c_str(),
                text_of(person, "last_used_at", "never").c_str(),
                text_of(person, "last_operated_at", "never").c_str(),
                text_of(person, "token_expires_at", "-").c_str(),
                flag_of(person, "on_call") ? "  ON CALL" : "");
  }
  std::printf("\n%llu may roll back; %llu of them have moved traffic within 90 days. On call: %s\n",
              static_cast<unsigned long long>(count_of(body, "able")),
              static_cast<unsigned long long>(count_of(body, "proven")),
              joined(body, "on_call", "not known").c_str());
  return exit_done;
}

int show_me(const Globals& globals) {
  Session session(globals);
  const auto me = session.get("/v1/whoami");
  if (globals.json) {
    std::printf("%s\n", json::serialize(me).c_str());
    return exit_done;
  }
  std::printf("%s\n  role     %s (by %s)\n  services %s\n  ends     %s\n  traffic  %s\n",
              text_of(me, "name").c_str(), text_of(me, "role").c_str(),
              text_of(me, "rule", "being local").c_str(), joined(me, "services", "all").c_str(),
              text_of(me, "expires_at", "never").c_str(),
              text_of(me, "last_operated_at", "never moved by you").c_str());
  return exit_done;
}

}  // namespace

void add_people_commands(CLI::App& app, Action& action) {
  auto* people = app.add_subcommand("people", "Who may act, and who has proved it");
  people->footer("Example:\n  switchback people");
  people->callback([&action] { action = show_people; });
  auto* me = app.add_subcommand("whoami", "Who switchback takes you for, and what you may do");
  me->footer("Example:\n  switchback whoami --json");
  me->callback([&action] { action = show_me; });
}

}  // namespace switchback::cli
