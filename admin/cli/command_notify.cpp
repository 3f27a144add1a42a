// notify: who is told of what happens, and whether messages arrive.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"
#include "admin/http/message.hpp"

namespace switchback::cli {
namespace {

std::string words_of(const json::array& list, const char* otherwise) {
  std::string out;
  for (const auto& one : list)
    if (one.is_string()) out += (out.empty() ? "" : " ") + std::string(one.get_string());
  return out.empty() ? otherwise : out;
}

std::string row_of(const json::object& target) {
  const auto count = [&](const char* name) { return std::to_string(count_of(target, name)); };
  const auto since = text_of(target, "failing_since");
  std::string out =
      text_of(target, "name") + "  " + text_of(target, "to") + "  " + text_of(target, "format") +
      "\n  told of " + words_of(array_of(target, "on"), "nothing") + "; services " +
      words_of(array_of(target, "services"), "all") + "\n  sent " + count("sent") + " (newest " +
      text_of(target, "last_good", "never") + "), given up " + count("failed") + ", left out " +
      count("dropped") + ", waiting " + count("queued") + " of " + count("queue") + "\n";
  if (!since.empty())
    out += "  FAILING since " + since + ": " + text_of(target, "last_error") +
           "\n  next: switchback notify test " + text_of(target, "name") + "\n";
  return out;
}

int list(const Globals& globals) {
  Session session(globals);
  const auto answer = session.get("/v1/notify");
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
    return exit_done;
  }
  const auto& targets = array_of(answer, "targets");
  if (targets.empty())
    std::fputs("nobody is told: the configuration has no notify section\n", stdout);
  for (const auto& target : targets)
    if (target.is_object()) std::fputs(row_of(target.get_object()).c_str(), stdout);
  return exit_done;
}

int test(const std::string& name, const Globals& globals) {
  Session session(globals);
  // Two attempts of a minute each, at most.
  const auto answer = session.call("POST", "/v1/notify/" + web::percent_encode(name) + "/test", "",
                                   {}, std::chrono::milliseconds(130'000));
  if (answer.failure != web::Failure::none || answer.status != 200) session.fail(answer);
  const auto result = parse_object(answer.body);
  const bool delivered = flag_of(result, "delivered");
  if (globals.json) {
    std::printf("%s\n", answer.body.c_str());
  } else if (delivered) {
    std::printf("%s has taken the test message in %.0f ms\n", name.c_str(),
                number_of(result, "took_ms").value_or(0));
  } else {
    std::fprintf(stderr, "%s did NOT take the test message: %s\n", name.c_str(),
                 text_of(result, "error").c_str());
  }
  return delivered ? exit_done : exit_expectation_failed;
}

}  // namespace

void add_notify_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("notify", "Who is told of what happens, and does it arrive");
  command->footer("Example:\n  switchback notify list\n  switchback notify test ops");
  command->require_subcommand(1);
  auto* show = command->add_subcommand("list", "Targets, what they are told, how it went");
  show->footer("Example:\n  switchback notify list");
  show->callback([&action] { action = [](const Globals& globals) { return list(globals); }; });

  auto name = std::make_shared<std::string>();
  auto* tried = command->add_subcommand("test", "Send one message now, and say what came of it");
  tried->footer(
      "Example:\n  switchback notify test ops\n\nExit codes: 0 it arrived, 10 it did not.");
  tried->add_option("NAME", *name, "The target")->required()->type_name("");
  tried->callback([name, &action] {
    action = [name](const Globals& globals) { return test(*name, globals); };
  });
}

}  // namespace switchback::cli
