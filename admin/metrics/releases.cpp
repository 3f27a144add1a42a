#include "admin/metrics/releases.hpp"

#include "admin/release/durations.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::metrics {
namespace {

using Names = std::vector<std::string>;
using releases::NullFlips;
using releases::Releases;

constexpr Color colors[] = {Color::blue, Color::green};

double seconds_since(std::int64_t then_us) {
  return static_cast<double>(wall_us() - then_us) / 1e6;
}

void states(Exposition& out, const Names& names, const worker::DataPlane& plane,
            const Releases& room) {
  out.family("switchback_release_info", "gauge",
             "Always 1; what is registered for a color, and its state.");
  for (const auto& name : names)
    for (const Color color : colors)
      if (const auto release = room.on(name, color))
        out.sample({{"service", name},
                    {"color", to_string(color)},
                    {"version", release->version},
                    {"state", releases::to_string(release->state)}},
                   std::uint64_t{1});
  out.family("switchback_held", "gauge", "1 while promotes and automatic rollbacks are held back.");
  for (const auto& name : names)
    out.sample({{"service", name}}, std::uint64_t{room.held(name).has_value()});
  out.family("switchback_standby_fit", "gauge", "1 while the standby could take the traffic.");
  for (const auto& name : names)
    if (const auto view = plane.view(name))
      out.sample({{"service", name}}, std::uint64_t{room.fitness(name, other(view->active)).fit()});
}

void capacity(Exposition& out, const Names& names, const Releases& room) {
  out.family("switchback_proven_rps", "gauge",
             "Healthy servers times the most that one of them has really taken while active.");
  for (const auto& name : names)
    for (const Color color : colors)
      if (const auto fitness = room.fitness(name, color); fitness.peak_rps_per_server > 0)
        out.sample({{"service", name}, {"color", to_string(color)}}, fitness.proven_rps());
}

void null_flips(Exposition& out, const Names& names, const NullFlips& flips) {
  out.family("switchback_null_flips_total", "counter",
             "Rehearsals of the way back; dropped ones gave way to a real flip.");
  for (const auto& name : names) {
    const auto totals = flips.totals(name);
    out.sample({{"service", name}, {"result", "good"}}, totals.good);
    out.sample({{"service", name}, {"result", "failed"}}, totals.failed);
    if (totals.dropped != 0) out.sample({{"service", name}, {"result", "dropped"}}, totals.dropped);
  }
  out.family("switchback_null_flip_last_seconds", "gauge", "How long the newest good one took.");
  for (const auto& name : names)
    if (const auto last = flips.last_good(name)) out.sample({{"service", name}}, last->ms / 1000);
  out.family("switchback_null_flip_age_seconds", "gauge", "Since the newest good one.");
  for (const auto& name : names)
    if (const auto last = flips.last_good(name))
      out.sample({{"service", name}}, seconds_since(last->wall_us));
}

struct Kind {
  const char* name;
  release::Durations release::DurationReport::*times;
};
constexpr Kind kinds[] = {{"rollback", &release::DurationReport::rollbacks},
                          {"drill", &release::DurationReport::drills},
                          {"promote", &release::DurationReport::promotes}};

struct Stage {
  const char* name;
  release::StageTimes release::Durations::*times;
};
constexpr Stage stages[] = {{"switched", &release::Durations::switched},
                            {"first_new", &release::Durations::first_new},
                            {"last_old", &release::Durations::last_old},
                            {"drained", &release::Durations::drained},
                            {"verified", &release::Durations::verified}};

void durations(Exposition& out, const Names& names, const release::Controller& controller) {
  std::vector<release::DurationReport> reports;
  for (const auto& name : names)
    reports.push_back(release::durations_of(controller.history(name, 1000)));
  out.family("switchback_switch_seconds", "gauge",
             "Of the last 1,000 switches, by kind and stage; quantile 1 is the longest.");
  for (std::size_t i = 0; i < names.size(); ++i)
    for (const auto& kind : kinds)
      for (const auto& stage : stages) {
        const auto& times = reports[i].*kind.times.*stage.times;
        if (times.n == 0) continue;
        const std::pair<const char*, double> values[] = {
            {"0.5", times.median_ms}, {"0.95", times.p95_ms}, {"1", times.max_ms}};
        for (const auto& [quantile, ms] : values)
          out.sample({{"service", names[i]},
                      {"kind", kind.name},
                      {"stage", stage.name},
                      {"quantile", quantile}},
                     ms / 1000);
      }
  out.family("switchback_switch_runs", "gauge", "How many runs stand behind them.", zero);
  for (std::size_t i = 0; i < names.size(); ++i)
    for (const auto& kind : kinds)
      out.sample({{"service", names[i]}, {"kind", kind.name}},
                 std::uint64_t{(reports[i].*kind.times).n});
}

}  // namespace

void release_metrics(Exposition& out, const worker::DataPlane& plane,
                     const release::Controller& controller, const Releases& room,
                     const NullFlips& flips) {
  const auto names = plane.services();
  states(out, names, plane, room);
  capacity(out, names, room);
  null_flips(out, names, flips);
  durations(out, names, controller);
}

}  // namespace switchback::metrics
