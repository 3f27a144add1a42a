// bench flip: how a running proxy, or a demo, takes flips under load.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "admin/cli/bench_demo.hpp"
#include "admin/cli/bench_run.hpp"
#include "admin/cli/bench_switch.hpp"
#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/process.hpp"
#include "bench/switchover/driver.hpp"
#include "bench/switchover/plot.hpp"
#include "bench/switchover/responder.hpp"

namespace switchback::cli {
namespace {

std::atomic<bool> interrupted{false};

void note_interrupt(int) {
  interrupted = true;
}

// "Name: value".
std::pair<std::string, std::string> field_from(const std::string& text) {
  const auto colon = text.find(':');
  const auto value = text.find_first_not_of(' ', colon + 1);
  if (colon == std::string::npos || colon == 0 || value == std::string::npos ||
      text.find_first_of("\r\n") != std::string::npos) {
    throw CommandFailed{exit_usage,
                        "switchback: --header " + text + ": it is written 'Name: value'\n", ""};
  }
  return {text.substr(0, colon), text.substr(value)};
}

int exit_code_of(const std::string& verdict) {
  if (verdict == "clean") return exit_done;
  if (verdict == "interrupted") return 128 + SIGINT;
  return verdict == "unproved" ? exit_unverified : exit_verification_failed;
}

void write_svg(const std::string& file, const bench::Result& result,
               const bench::Figures& figures) {
  std::ofstream out(file);
  out << bench::render_svg(result, figures);
  if (!out.flush()) std::fprintf(stderr, "switchback: %s cannot be written\n", file.c_str());
}

int finish(const BenchOptions& options, const Globals& globals, const bench::Result& result) {
  const auto figures = bench::figures_of(result);
  if (!options.svg.empty()) write_svg(options.svg, result, figures);
  if (globals.json) {
    std::printf("%s\n", json::serialize(bench::render_json(result, figures)).c_str());
  } else {
    std::printf("\n%s", bench::render_text(result, figures).c_str());
    if (!options.svg.empty()) std::printf("Plot: %s\n", options.svg.c_str());
  }
  if (!result.end.restored) {
    std::fprintf(stderr, "switchback: TRAFFIC IS NOT BACK WHERE IT WAS. It is on %s.\n",
                 std::string(to_string(result.end.active)).c_str());
    if (!result.facts.service.empty()) {
      std::fprintf(stderr, "  next: switchback status %s%s\n", result.facts.service.c_str(),
                   style_for(globals).admin_flag.c_str());
    }
  }
  return exit_code_of(bench::verdict_of(result, figures));
}

// A person is asked; a script has to say --yes.
void confirm(const BenchOptions& options) {
  if (options.yes) return;
  if (!::isatty(STDIN_FILENO)) {
    throw CommandFailed{exit_usage,
                        "switchback: this flips a running service; say --yes to do it without "
                        "being asked\n",
                        ""};
  }
  std::fprintf(stderr, "Go on? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") {
    throw CommandFailed{exit_usage, "switchback: nothing was done\n", ""};
  }
}

int bench_demo(BenchOptions options, const Globals& globals) {
  const auto servers = start_responder(options.delay());
  const BenchDemo demo(*servers, options.workers);
  options.targets = demo.targets();
  options.insecure = true;
  Globals inner = globals;
  inner.admin = demo.admin();
  Session session(inner);
  const auto service = session.service("demo");
  AdminSwitch flipped(session, service);
  BenchRun run(options, "a demo of its own", service, true);
  run.prepare();
  run.announce(globals.json);
  return finish(options, globals, run.run(flipped, interrupted));
}

int bench_driver(BenchOptions options, const Globals& globals) {
  const auto servers = start_responder(options.delay());
  bench::Driver driver(options.driver, servers->address(Color::blue),
                       servers->address(Color::green));
  if (const auto error = driver.start(); !error.empty()) {
    throw CommandFailed{exit_usage, "switchback: --driver: " + error + "\n", ""};
  }
  options.targets = driver.ready().targets;
  options.insecure = true;
  if (driver.ready().admin.empty()) {
    BenchRun run(options, "driver " + options.driver, {{"active", "blue"}}, true);
    run.prepare();
    run.announce(globals.json);
    return finish(options, globals, run.run(driver, interrupted));
  }
  Globals inner = globals;
  inner.admin = driver.ready().admin;
  Session session(inner);
  const auto service = session.service(driver.ready().service);
  AdminSwitch flipped(session, service);
  BenchRun run(options, "driver " + options.driver, service, true);
  run.prepare();
  run.announce(globals.json);
  return finish(options, globals, run.run(flipped, interrupted));
}

int bench_running(const BenchOptions& options, const Globals& globals) {
  if (options.targets.empty()) {
    throw CommandFailed{exit_usage,
                        "switchback: where does the load go? Say --target http://HOST:PORT/PATH "
                        "(as often as needed)\n  without --target, SERVICE and --admin it measures "
                        "a demo of its own\n",
                        ""};
  }
  Session session(globals);
  const auto service = session.service(options.service);
  AdminSwitch flipped(session, service);
  BenchRun run(options, text_of(service, "service") + " at " + options.targets.front(), service,
               false);
  run.prepare();
  run.announce(globals.json);
  confirm(options);
  return finish(options, globals, run.run(flipped, interrupted));
}

int bench_flip(BenchOptions options, const Globals& globals) {
  for (const auto& text : options.headers) options.fields.push_back(field_from(text));
  raise_descriptor_limit();
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
  if (!options.driver.empty()) return bench_driver(std::move(options), globals);
  if (options.targets.empty() && options.service.empty() && !globals.admin_given) {
    return bench_demo(std::move(options), globals);
  }
  return bench_running(options, globals);
}

void add_load_options(CLI::App& command, BenchOptions& options) {
  command.add_option("--flips", options.flips, "How many; default 1000 of a demo, 50 otherwise")
      ->check(CLI::Range(1u, static_cast<unsigned>(bench::flips_limit / 2)))
      ->type_name("N");
  command.add_option("--rate", options.rate, "Requests a second; default 2000, or 200")
      ->check(CLI::Range(1.0, 1e6))
      ->type_name("R");
  command.add_option("--connections", options.connections, "Kept-alive connections")
      ->check(CLI::Range(1u, 10000u))
      ->type_name("C")
      ->capture_default_str();
  command.add_option("--pause", options.pause_ms, "Least time between flips; default 20, or 500")
      ->check(CLI::Range(0.0, 60000.0))
      ->type_name("MS");
  command.add_option("--kind", options.kind, "flip, or rollback: flip there, measure the way back")
      ->check(CLI::IsMember({"flip", "rollback"}))
      ->capture_default_str();
  command.add_option("--header", options.headers, "Sent with every request: 'Name: value'")
      ->type_name("FIELD")
      ->allow_extra_args(false);
  command.add_option("--timeout", options.timeout_s, "After which a request has failed")
      ->check(CLI::Range(0.1, 600.0))
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--insecure", options.insecure, "Do not check the certificate of https targets");
  command.add_flag("--keep-going", options.keep_going,
                   "Make all flips, also after one that hurt requests");
  command.add_flag("--yes", options.yes, "Do not ask before flipping a running service");
}

void add_demo_options(CLI::App& command, BenchOptions& options) {
  command
      .add_option("--color-header", options.mark.header,
                  "The answers' header that tells the "
                  "color, the release, or the server")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option("--color-body", options.mark.body,
                  "Instead: a regular expression; what its "
                  "first group finds in the body")
      ->type_name("REGEX");
  command
      .add_option("--preview-header", options.preview_header,
                  "The service's preview header, by which it learns what each color says")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--svg", options.svg, "Write a plot")->type_name("FILE");
  command.add_option("--backend-delay", options.delay_ms, "Of the demo's servers, per answer")
      ->check(CLI::Range(0.0, 10000.0))
      ->type_name("MS")
      ->capture_default_str();
  command.add_option("--workers", options.workers, "Of the demo's proxy; 0: one per core")
      ->check(CLI::Range(0u, 256u))
      ->capture_default_str();
  command
      .add_option("--driver", options.driver,
                  "Measure another proxy, by a program that flips it (docs/bench-flip.md)")
      ->type_name("COMMAND");
}

}  // namespace

void add_bench_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  auto* family = app.add_subcommand("bench", "Measure");
  family->require_subcommand(1);
  auto* command = family->add_subcommand(
      "flip", "Flip a service again and again under load, and judge every answer");
  command->footer(
      "Examples:\n"
      "  switchback bench flip                              a demo of its own, 1000 flips\n"
      "  switchback bench flip shop --target http://127.0.0.1:8080/ --color-header X-Version\n"
      "  switchback bench flip --svg flips.svg --json > flips.json\n\n"
      "Against a running service it says what it will do, asks, stops at the first flip that hurts "
      "a\n"
      "request, and goes back to the color it began with, after Ctrl-C as well. Exit: 0 nothing "
      "failed\n"
      "and nothing was stale, 30 something was, 31 not proved, 130 interrupted.");
  command
      ->add_option("SERVICE", options->service, "The service; may be left out where there is one")
      ->type_name("");
  command->add_option("--target", options->targets, "Where the load goes; may be given again")
      ->type_name("URL")
      ->allow_extra_args(false);
  add_load_options(*command, *options);
  add_demo_options(*command, *options);
  command->callback([options, &action] {
    action = [options](const Globals& globals) { return bench_flip(*options, globals); };
  });
}

}  // namespace switchback::cli
