// release, hold, report: what is known of releases, what is held back, how long going back takes.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render_release.hpp"
#include "admin/cli/session.hpp"

namespace switchback::cli {
namespace {

struct ReleaseOptions {
  std::string service, version, color, reason;
  std::string commit, first_commit_at, deployed_by, reversible, migration;
  long long commits = -1, lines = -1;
  bool unplanned = false;
  // hold
  std::string length, until;
  bool release = false, show = false;
};
using Options = std::shared_ptr<ReleaseOptions>;

json::object reply(Session& session, const std::string& method, const std::string& path,
                   const json::object& body) {
  const auto answer =
      session.call(method, path, body.empty() ? std::string() : json::serialize(body));
  if (answer.failure == web::Failure::answer_lost) {
    throw CommandFailed{exit_answer_lost,
                        "switchback: sent, but the answer was lost: " + answer.error +
                            "\n  Running the same command again is safe.\n",
                        ""};
  }
  if (answer.failure != web::Failure::none || answer.status >= 300) session.fail(answer);
  return parse_object(answer.body);
}

std::string named(Session& session, const ReleaseOptions& options) {
  return options.service.empty() ? text_of(session.service(""), "service") : options.service;
}

std::string releases_path(const std::string& service) {
  return service_path(service) + "/releases";
}

// A version's characters are those of a path, save for ones that CI systems like to put in.
std::string release_path(const ReleaseOptions& options) {
  return releases_path(options.service) + "/" + web::percent_encode(options.version);
}

int show_taken(const json::object& answer, const Globals& globals, const Session& session) {
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else {
    std::fputs(render_release(answer, session.style()).c_str(), stdout);
    std::fputs(render_warnings(answer, session.style()).c_str(), stdout);
  }
  return exit_done;
}

int add(const ReleaseOptions& o, const Globals& globals) {
  Session session(globals);
  json::object body{{"version", o.version}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) body[name] = value;
  };
  text("color", o.color);
  text("git_commit", o.commit);
  text("first_commit_at", o.first_commit_at);
  text("deployed_by", o.deployed_by);
  text("reversible", o.reversible);
  text("migration_id", o.migration);
  if (o.commits >= 0) body["commits"] = o.commits;
  if (o.lines >= 0) body["lines"] = o.lines;
  if (o.unplanned) body["unplanned"] = true;
  return show_taken(reply(session, "POST", releases_path(o.service), body), globals, session);
}

int change(const ReleaseOptions& o, const Globals& globals, const char* verb) {
  Session session(globals);
  json::object body;
  if (!o.color.empty()) body["color"] = o.color;
  if (!o.reason.empty()) body["reason"] = o.reason;
  return show_taken(reply(session, "POST", release_path(o) + "/" + verb, body), globals, session);
}

int list(const ReleaseOptions& o, const Globals& globals) {
  Session session(globals);
  const auto answer = session.get(releases_path(named(session, o)));
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else {
    std::fputs(render_releases(answer, session.style(), now_wall_ms()).c_str(), stdout);
  }
  return exit_done;
}

int show(const ReleaseOptions& o, const Globals& globals) {
  Session session(globals);
  const auto answer = session.get(release_path(o));
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
    return exit_done;
  }
  for (const auto& member : answer) {
    const auto& value = member.value();
    if (value.is_null()) continue;
    const auto text = value.is_string() ? text_of(answer, member.key()) : json::serialize(value);
    std::printf("%-16s %s\n", std::string(member.key()).c_str(), printable(text).c_str());
  }
  return exit_done;
}

int hold(const ReleaseOptions& o, const Globals& globals) {
  Session session(globals);
  const auto service = named(session, o);
  const auto path = service_path(service) + "/hold";
  json::object body;
  if (!o.reason.empty()) body["reason"] = o.reason;
  if (!o.length.empty()) body["for"] = o.length;
  if (!o.until.empty()) body["until"] = o.until;
  const auto answer = o.show      ? session.get(path)
                      : o.release ? reply(session, "DELETE", path, {})
                                  : reply(session, "POST", path, body);
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else {
    std::fputs(render_hold(answer, session.style()).c_str(), stdout);
  }
  return exit_done;
}

int report_rollbacks(const ReleaseOptions& o, const Globals& globals) {
  Session session(globals);
  const auto answer = session.get(service_path(named(session, o)) + "/durations");
  if (globals.json) {
    std::printf("%s\n", json::serialize(answer).c_str());
  } else {
    std::fputs(render_durations(answer, now_wall_ms()).c_str(), stdout);
  }
  return exit_done;
}

using Work = std::function<int(const ReleaseOptions&, const Globals&)>;

void on_call(CLI::App* command, const Options& options, Action& action, Work work) {
  command->callback([options, &action, work = std::move(work)] {
    action = [options, work](const Globals& globals) { return work(*options, globals); };
  });
}

void add_service(CLI::App* command, const Options& options, bool required) {
  auto* option = command->add_option(
      "SERVICE", options->service,
      required ? "The service" : "The service; may be left out where there is one");
  option->type_name("");
  if (required) option->required();
}

void add_version(CLI::App* command, const Options& options) {
  add_service(command, options, true);
  command->add_option("VERSION", options->version, "The release")->type_name("")->required();
}

void add_color(CLI::App* command, const Options& options, const char* help) {
  command->add_option("--color", options->color, help)
      ->check(CLI::IsMember({"blue", "green"}))
      ->type_name("COLOR");
}

void add_facts(CLI::App* command, const Options& options) {
  add_color(command, options, "It runs there already: stage it");
  command->add_option("--commit", options->commit, "Its git commit")->type_name("SHA");
  command
      ->add_option("--first-commit-at", options->first_commit_at,
                   "When the oldest change in it was made (git log --format=%cI)")
      ->type_name("TIME");
  command->add_option("--deployed-by", options->deployed_by, "Who; else who calls")
      ->type_name("NAME");
  command->add_option("--commits", options->commits, "How many commits it brings")->type_name("N");
  command->add_option("--lines", options->lines, "How many lines it changes")->type_name("N");
  command->add_flag("--unplanned", options->unplanned, "A hot fix");
  command->add_option("--reversible", options->reversible, "yes, no or unknown")
      ->check(CLI::IsMember({"yes", "no", "unknown"}))
      ->type_name("WORD");
  command->add_option("--migration", options->migration, "Its database migration")->type_name("ID");
}

void add_changes(CLI::App* family, const Options& options, Action& action) {
  const auto work = [](const char* verb) {
    return [verb](const ReleaseOptions& o, const Globals& g) { return change(o, g, verb); };
  };
  auto* stage = family->add_subcommand("stage", "Say that a release runs on a color now");
  stage->footer("Example:\n  switchback release stage shop v1.4 --color blue");
  add_version(stage, options);
  add_color(stage, options, "Where; else the side without the traffic");
  on_call(stage, options, action, work("stage"));
  auto* requalify =
      family->add_subcommand("requalify", "Take a release that was rolled back out of quarantine");
  requalify->footer(
      "Example:\n  switchback release requalify shop v1.3 --reason 'it was the cache, now warm'");
  add_version(requalify, options);
  requalify->add_option("--reason", options->reason, "Why it is good now; kept")
      ->type_name("TEXT")
      ->required();
  on_call(requalify, options, action, work("requalify"));
  auto* retire = family->add_subcommand("retire", "Say that a release is given up");
  retire->footer("Example:\n  switchback release retire shop v1.1");
  add_version(retire, options);
  retire->add_option("--reason", options->reason, "Why; kept")->type_name("TEXT");
  on_call(retire, options, action, work("retire"));
}

}  // namespace

void add_release_commands(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ReleaseOptions>();
  auto* family = app.add_subcommand("release", "Releases: what runs where, and in which state");
  family->footer("Example:\n  switchback release add shop v1.4 --color blue --commit \"$GIT_SHA\"");
  family->require_subcommand(1);
  auto* told = family->add_subcommand("add", "Register a release; again: tell more about it");
  told->footer("Example:\n  switchback release add shop v1.4 --color blue --commits 3");
  add_version(told, options);
  add_facts(told, options);
  on_call(told, options, action, add);
  auto* all = family->add_subcommand("list", "All releases, and how fit the standby is");
  all->footer("Example:\n  switchback release list shop");
  add_service(all, options, false);
  on_call(all, options, action, list);
  auto* one = family->add_subcommand("show", "All that is known of a release");
  one->footer("Example:\n  switchback release show shop v1.4");
  add_version(one, options);
  on_call(one, options, action, show);
  add_changes(family, options, action);

  auto* held = app.add_subcommand(
      "hold", "Hold promotes and automatic rollbacks back; a rollback by hand always works");
  held->footer(
      "Example:\n  switchback hold shop --for 2h --reason 'election night'\n"
      "  switchback hold shop --release");
  add_service(held, options, false);
  held->add_option("--for", options->length, "How long, 30 days at most; else until it is lifted")
      ->type_name("DURATION");
  held->add_option("--until", options->until, "Until when")->type_name("TIME");
  held->add_option("--reason", options->reason, "Why; shown to whoever is stopped by it")
      ->type_name("TEXT");
  held->add_flag("--release", options->release, "Lift it");
  held->add_flag("--show", options->show, "Only look");
  on_call(held, options, action, hold);

  auto* report = app.add_subcommand("report", "What was measured");
  report->footer("Example:\n  switchback report rollbacks shop");
  report->require_subcommand(1);
  auto* rollbacks = report->add_subcommand("rollbacks", "How long going back has really taken");
  rollbacks->footer("Example:\n  switchback report rollbacks shop --json");
  add_service(rollbacks, options, false);
  on_call(rollbacks, options, action, report_rollbacks);
}

}  // namespace switchback::cli
