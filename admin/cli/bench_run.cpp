#include "admin/cli/bench_run.hpp"

#include <chrono>
#include <cstdio>
#include <thread>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "bench/switchover/probe.hpp"

namespace switchback::cli {
namespace {

using bench::Protocol;

constexpr Nanos second = 1'000'000'000;
constexpr Nanos warm_up = second / 2;
constexpr unsigned learning_asks = 16;  // of each color: more than most pools have servers

bench::ColorReader reader_of(const bench::ColorMark& mark) {
  try {
    return bench::ColorReader(mark);
  } catch (const std::regex_error&) {
    throw CommandFailed{exit_usage,
                        "switchback: --color-body " + mark.body + ": no regular expression\n", ""};
  }
}

[[noreturn]] void fail(const bench::Target& target, const std::string& what) {
  throw CommandFailed{exit_usage, "switchback: " + target.url + ": " + what + "\n", ""};
}

void set_defaults(BenchOptions& options, bool own) {
  if (options.flips == 0) options.flips = own ? 1000 : 50;
  if (options.rate <= 0) options.rate = own ? 2000 : 200;
  if (options.pause_ms < 0) options.pause_ms = own ? 20 : 500;
}

}  // namespace

BenchRun::BenchRun(BenchOptions options, std::string subject, const json::object& service, bool own)
    : options_(std::move(options)),
      own_(own),
      active_(text_of(service, "active") == "green" ? Color::green : Color::blue),
      colors_(reader_of(options_.mark)) {
  set_defaults(options_, own_);
  for (const Color color : {Color::blue, Color::green}) {
    colors_.set_release(color, text_of(object_of(service, "releases"), to_string(color)));
  }
  facts_.subject = std::move(subject);
  facts_.service = text_of(service, "service");
  facts_.kind = options_.kind;
  facts_.flips_wanted = options_.flips;
  facts_.rate = options_.rate;
  facts_.connections = options_.connections;
  facts_.pause_ms = options_.pause_ms;
  if (own_) facts_.backend_delay_ms = options_.delay_ms;
}

void BenchRun::prepare() {
  const bench::TlsContext tls(!options_.insecure);
  std::vector<bench::Target> targets;
  for (const auto& url : options_.targets) {
    std::string error;
    auto target = bench::parse_target(url, error);
    if (!target)
      throw CommandFailed{exit_usage, "switchback: --target " + url + ": " + error + "\n", ""};
    look_at(*target, tls);
    targets.push_back(std::move(*target));
  }
  add_lanes(targets, tls);
}

void BenchRun::look_at(const bench::Target& target, const bench::TlsContext& tls) {
  const auto timeout = static_cast<Nanos>(options_.timeout_s * 1e9);
  const auto text = bench::request_text(target, options_.fields, true);
  const auto answer = bench::probe(target, tls, text, colors_, timeout);
  if (!answer.error.empty()) fail(target, answer.error);
  if (answer.status >= 500) {
    fail(target, "answers " + std::to_string(answer.status) +
                     " already; it has to work before flips can be measured");
  }
  if (!colors_.color_of(answer.header_value, answer.body)) learn_colors(target, tls);
  const auto color = colors_.color_of(answer.header_value, answer.body);
  if (!color) {
    fail(target,
         "its answer (" + std::to_string(answer.status) + ") does not tell its color by " +
             colors_.describe() +
             ".\n  next: name what tells it: --color-header NAME or --color-body REGEX; the "
             "value may be the color, the\n  release, or anything that differs between the "
             "colors, as the preview header shows");
  }
  if (*color != active_) {
    fail(target, "is answered by " + std::string(to_string(*color)) + ", but " +
                     std::string(to_string(active_)) +
                     " is active; is this target a listener of that proxy and service?");
  }
}

// Asks each color on purpose and remembers what it says.
void BenchRun::learn_colors(const bench::Target& target, const bench::TlsContext& tls) {
  const auto timeout = static_cast<Nanos>(options_.timeout_s * 1e9);
  for (const Color color : {Color::blue, Color::green}) {
    auto fields = options_.fields;
    fields.emplace_back(options_.preview_header, std::string(to_string(color)));
    const auto text = bench::request_text(target, fields, true);
    for (unsigned n = 0; n < learning_asks; ++n) {
      const auto answer = bench::probe(target, tls, text, colors_, timeout);
      const auto mark = colors_.mark_of(answer.header_value, answer.body);
      if (answer.error.empty() && answer.status < 500 && mark) colors_.learn(color, *mark);
    }
  }
}

bool BenchRun::speaks_websocket(const bench::Target& target, const bench::TlsContext& tls) const {
  const auto text = bench::websocket_request_text(target, options_.fields);
  const auto answer =
      bench::probe(target, tls, text, colors_, static_cast<Nanos>(options_.timeout_s * 1e9));
  return answer.error.empty() && answer.status == 101 &&
         colors_.color_of(answer.header_value, answer.body).has_value();
}

// How a target's share of the rate is divided. New TLS sessions cost a hundred requests' work, so
// there are fewer of them.
void BenchRun::add_lanes(const std::vector<bench::Target>& targets, const bench::TlsContext& tls) {
  load_.fields = options_.fields;
  load_.timeout = static_cast<Nanos>(options_.timeout_s * 1e9);
  load_.verify_tls = !options_.insecure;
  const auto count = static_cast<unsigned>(targets.size());
  const double rate = options_.rate / count;
  const unsigned connections = std::max(1u, options_.connections / count);
  for (const auto& target : targets) {
    const bool websocket = speaks_websocket(target, tls);
    const double fresh = target.tls ? 0.04 : 0.15;
    const double tunnels = !websocket ? 0 : target.tls ? 0.02 : 0.05;
    load_.lanes.push_back(
        {target, Protocol::keep_alive, rate * (1 - fresh - tunnels), connections});
    load_.lanes.push_back({target, Protocol::fresh, rate * fresh, connections});
    if (websocket) {
      load_.lanes.push_back({target, Protocol::websocket, rate * tunnels, connections});
    }
  }
  for (const auto& lane : load_.lanes) {
    facts_.lanes.push_back({bench::name_of(lane), lane.target.url});
  }
}

void BenchRun::announce(bool quiet) const {
  auto* out = quiet ? stderr : stdout;
  if (quiet && own_) return;
  const auto least_s =
      options_.flips * options_.pause_ms / 1000 * (options_.kind == "rollback" ? 2 : 1);
  std::fprintf(out, "bench flip: %s\n", facts_.subject.c_str());
  std::fprintf(out, "  %u %ss, at least %g ms apart (%.0f s or more), under %g requests a second\n",
               options_.flips, options_.kind.c_str(), options_.pause_ms, least_s, options_.rate);
  for (std::size_t i = 0; i < load_.lanes.size(); ++i) {
    std::fprintf(out, "  %7.0f/s  %-22s %s\n", load_.lanes[i].rate, facts_.lanes[i].name.c_str(),
                 facts_.lanes[i].url.c_str());
  }
  std::fprintf(out, "  every answer is judged by its %s\n", colors_.describe().c_str());
  if (!own_) {
    std::fprintf(
        out,
        "  REAL TRAFFIC moves between blue and green with every flip; it ends on %s, where "
        "it is now.\n",
        std::string(to_string(active_)).c_str());
  }
  std::fflush(out);
}

bench::Result BenchRun::run(bench::Switch& flipped, const std::atomic<bool>& interrupted) {
  bench::FlipLog log(active_, load_.lanes.size());
  bench::Load load(load_, colors_, log);
  if (const auto error = load.start(); !error.empty()) {
    throw CommandFailed{exit_usage, "switchback: " + error + "\n", ""};
  }
  const auto wait_until = [](Nanos limit, const auto& done) {
    while (!done() && monotonic_ns() < limit) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  bench::Result result;
  wait_until(monotonic_ns() + warm_up, [&] { return interrupted.load(); });
  // A load that fails before anything is flipped says nothing about flips.
  if (log.bad() > 0 && !own_) {
    const auto why = log.complaints().front();
    throw CommandFailed{exit_unverified,
                        "switchback: nothing was flipped: requests fail already: " + why + "\n",
                        ""};
  }
  bench::FlipPlan plan;
  plan.flips = options_.flips;
  plan.rollbacks = options_.kind == "rollback";
  plan.stop_when_bad = !own_ && !options_.keep_going;
  plan.pause = static_cast<Nanos>(options_.pause_ms * 1e6);
  result.end = bench::Flipper(plan, active_, flipped, log, interrupted).run();
  load.end();
  wait_until(monotonic_ns() + load_.timeout + second, [&] { return load.drained(); });
  result.facts = facts_;
  result.flips = log.flips();
  result.lanes = log.lanes();
  result.complaints = log.complaints();
  result.timeline = log.timeline();
  return result;
}

}  // namespace switchback::cli
