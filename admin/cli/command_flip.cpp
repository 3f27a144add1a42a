// flip and rollback: the two commands that move traffic.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render_verify.hpp"
#include "admin/cli/switch_call.hpp"

namespace switchback::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct FlipOptions {
  std::string service, to, reason, force, requalify, person, key;
  std::string wait = "moment";
};

// How long the drain is followed after traffic has moved. The exit code does not depend on it.
milliseconds follow_limit(const std::string& wait) {
  if (wait == "switched") return milliseconds(0);
  if (wait == "drained") return std::chrono::hours(24);
  return milliseconds(2000);
}

bool verifying(const json::object& receipt) {
  const auto& shown = object_of(receipt, "verification");
  return !shown.empty() && !flag_of(shown, "settled");
}

bool settled(const json::object& receipt) {
  // A plan's verdict decides the exit code; its deadline bounds the wait.
  if (verifying(receipt)) return false;
  const auto state = text_of(receipt, "state");
  if (state == "verified") return number_of(object_of(receipt, "stages_ms"), "drained").has_value();
  return state == "drained" || state == "unverified" || state == "regressed" ||
         flag_of(receipt, "superseded");
}

// Shows the stages as they pass; the newest receipt.
json::object follow(Session& session, json::object receipt, const std::string& wait) {
  const bool words = !session.globals().json;
  const auto begun = steady_clock::now();
  auto end = begun + follow_limit(wait);
  const auto target = "/v1/flips/" + text_of(receipt, "flip");
  milliseconds pause(20);
  while (!settled(receipt) && steady_clock::now() < end) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(250));
    const auto answer = session.call("GET", target);
    auto now = parse_object(answer.body);
    // Traffic has moved; that its drain cannot be watched any more changes nothing about that.
    if (answer.failure != web::Failure::none || answer.status != 200 || now.empty()) break;
    if (words) std::fputs(render_new_stages(receipt, now, session.style()).c_str(), stdout);
    std::fflush(stdout);
    receipt = std::move(now);
    if (wait != "switched" && verifying(receipt)) {
      const auto deadline = count_of(object_of(receipt, "verification"), "deadline_ms");
      end = std::max(end, begun + milliseconds(deadline + 5000));
    }
  }
  return receipt;
}

int finish(Session& session, const Switched& switched, const std::string& wait, bool repeated) {
  const bool words = !session.globals().json;
  const auto& style = session.style();
  const auto& first = switched.receipt;
  if (flag_of(first, "already") || switched.target_reached_by_other) {
    if (!words) {
      json::object out = first;
      out["already"] = true;
      std::printf("%s\n", json::serialize(out).c_str());
      return exit_done;
    }
    std::fputs(render_already(first, style).c_str(), stdout);
    if (repeated) {
      std::printf(
          "  (It was flipped a moment ago, and this looks like the same command again.)\n"
          "  to go back: switchback rollback %s%s\n",
          text_of(first, "service").c_str(), style.admin_flag.c_str());
    }
    return exit_done;
  }
  if (words) {
    std::fputs(render_flip_opening(first, style).c_str(), stdout);
    std::fputs(render_new_stages({}, first, style).c_str(), stdout);
    std::fflush(stdout);
  }
  const auto last = follow(session, first, wait);
  if (words) {
    std::fputs(render_flip_closing(last, style).c_str(), stdout);
    std::fputs(render_verification(last).c_str(), stdout);
  } else {
    std::printf("%s\n", json::serialize(last).c_str());
  }
  return exit_code_of_receipt(last);
}

json::object request_body(const FlipOptions& options, const std::string& to) {
  json::object body;
  if (!to.empty()) body["to"] = to;
  std::string reason = options.reason;
  if (!options.force.empty()) {
    body["force"] = true;
    reason += (reason.empty() ? "" : "; ") + std::string("forced: ") + options.force;
  }
  if (!reason.empty()) body["reason"] = reason;
  if (!options.requalify.empty()) body["requalify"] = options.requalify;
  if (!options.person.empty()) body["on_behalf_of"] = options.person;
  return body;
}

// So that the command can be typed as it is shown.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out.push_back(c);
    }
  }
  return out + "'";
}

std::string command_again(const char* verb, const FlipOptions& options, const std::string& service,
                          const std::string& to, const std::string& key) {
  std::string out = std::string("switchback ") + verb + " " + service;
  if (!to.empty()) out += " --to " + to;
  if (!options.reason.empty()) out += " --reason " + quoted(options.reason);
  if (!options.force.empty()) out += " --force " + quoted(options.force);
  if (!options.requalify.empty()) out += " --requalify " + quoted(options.requalify);
  if (!options.person.empty()) out += " --on-behalf-of " + quoted(options.person);
  return out + " --idempotency-key " + key;
}

int flip(const FlipOptions& options, const Globals& globals) {
  Session session(globals);
  const auto service = session.service(options.service);
  const auto active = text_of(service, "active");
  const std::string to =
      options.to.empty() ? default_flip_target(service, now_wall_ms()) : options.to;
  SwitchCall call;
  call.service = text_of(service, "service", options.service);
  call.path = "flips";
  call.to = to;
  call.body = json::serialize(request_body(options, to));
  call.idempotency_key = options.key.empty() ? new_idempotency_key() : options.key;
  // A key that is used again belongs to an epoch that may have passed; the key alone decides then.
  if (options.key.empty()) call.if_match = count_of(service, "epoch");
  call.stays = side({}, active, text_of(object_of(service, "releases"), active));
  call.again = command_again("flip", options, call.service, to, call.idempotency_key);
  const auto switched = send_switch(session, call);
  return finish(session, switched, options.wait, options.to.empty() && to == active);
}

int rollback(const FlipOptions& options, const Globals& globals) {
  Session session(globals);
  SwitchCall call;
  // With its name given, nothing is asked first: fewer things can go wrong on the way back.
  call.service =
      options.service.empty() ? text_of(session.service(""), "service") : options.service;
  call.path = "rollback";
  const auto body = request_body(options, "");
  call.body = body.empty() ? "" : json::serialize(body);
  call.idempotency_key = options.key.empty() ? new_idempotency_key() : options.key;
  call.again = command_again("rollback", options, call.service, "", call.idempotency_key);
  return finish(session, send_switch(session, call), options.wait, false);
}

void add_common(CLI::App& command, FlipOptions& options) {
  command.add_option("SERVICE", options.service, "The service; may be left out where there is one")
      ->type_name("");
  command.add_option("--reason", options.reason, "Why; kept in the history")->type_name("TEXT");
  command
      .add_option("--on-behalf-of", options.person,
                  "For bots: who asked; kept beside the bot's own name")
      ->type_name("NAME");
  command
      .add_option("--wait", options.wait,
                  "What to wait for once traffic has moved: switched (nothing), moment (the drain, "
                  "for 2 s at most; the verification, where there is a plan), drained")
      ->check(CLI::IsMember({"switched", "moment", "drained"}))
      ->type_name("STAGE")
      ->capture_default_str();
  command
      .add_option("--idempotency-key", options.key,
                  "The key of an earlier try whose answer was lost; it is never done twice")
      ->type_name("KEY");
}

}  // namespace

void add_flip_commands(CLI::App& app, Action& action) {
  auto options = std::make_shared<FlipOptions>();
  auto* promote = app.add_subcommand("flip", "Send a service's traffic to the other side, at once");
  promote->footer(
      "Example:\n  switchback flip shop --to green --reason 'release 1.3'\n\n"
      "Without --to it goes to the side that is not active. Typed again within 10 s of a flip it "
      "means\n"
      "the same side again: a repeated command never flips back. Going back is `switchback "
      "rollback`.");
  add_common(*promote, *options);
  promote
      ->add_option("--requalify", options->requalify,
                   "Promote a release that was rolled back; say why it is good now")
      ->type_name("WHY");
  promote->add_option("--to", options->to, "blue, green, or a release's name")->type_name("SIDE");
  promote
      ->add_option("--force", options->force,
                   "Flip although the target is empty or unhealthy; the reason is recorded")
      ->type_name("REASON");
  promote->callback([options, &action] {
    action = [options](const Globals& globals) { return flip(*options, globals); };
  });

  auto back = std::make_shared<FlipOptions>();
  auto* undo = app.add_subcommand("rollback", "Go back to the last good release, at once");
  undo->footer(
      "Example:\n  switchback rollback shop\n\n"
      "No question is asked. It may be pressed twice: the second press says \"already\" and moves "
      "nothing.");
  add_common(*undo, *back);
  undo->add_option("--force", back->force,
                   "Go back although no server there accepts a connection; the reason is recorded")
      ->type_name("REASON");
  undo->callback([back, &action] {
    action = [back](const Globals& globals) { return rollback(*back, globals); };
  });
}

}  // namespace switchback::cli
