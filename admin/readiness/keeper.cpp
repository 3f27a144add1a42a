#include "admin/readiness/keeper.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>

#include "proxy/base/clock.hpp"

namespace switchback::readiness {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t receipts_read = 1000;  // of a service, for the times

}  // namespace

Keeper::Keeper(asio::io_context& io, const Sources& sources, ledger::Ledger& ledger,
               const config::Config& config)
    : sources_(sources),
      ledger_(ledger),
      timer_(io),
      started_ns_(monotonic_ns()),
      started_wall_us_(wall_us()) {
  configure(config);
  ledger_.when_loaded(ledger::Table::readiness_gap,
                      [this, &io, weak = std::weak_ptr(alive_)](std::vector<ledger::Row> rows) {
                        asio::post(io, [this, weak, rows = std::move(rows)] {
                          if (weak.expired()) return;
                          for (const auto& service : sources_.plane->services()) {
                            for (auto& closed : gaps(service).restore(rows))
                              ledger_.put(std::move(closed));
                          }
                        });
                      });
  arm();
}

// A gap of a service that a reload took away ends with it.
void Keeper::close_gaps_of_others(const config::Config& config) {
  for (auto at = gaps_.begin(); at != gaps_.end();) {
    const auto& name = at->first;
    const bool known = std::any_of(config.services.begin(), config.services.end(),
                                   [&](const auto& service) { return service.name == name; });
    if (known) {
      ++at;
      continue;
    }
    if (auto row = at->second.found(true, "", "", wall_us())) ledger_.put(std::move(*row));
    times_.erase(name);
    told_.erase(name);
    at = gaps_.erase(at);
  }
}

void Keeper::configure(const config::Config& config) {
  close_gaps_of_others(config);
  std::error_code error;  // the command is typed anywhere
  const auto path = std::filesystem::absolute(config.admin.socket, error);
  socket_ = config.admin.socket.empty() || error ? config.admin.socket : path.string();
}

Gaps& Keeper::gaps(const std::string& service) {
  return gaps_.try_emplace(service, service, started_wall_us_).first->second;
}

void Keeper::arm() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this, weak = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || weak.expired()) return;
    tick();
    arm();
  });
}

void Keeper::tick() {
  constexpr Nanos minute_ns = 60'000'000'000;
  const Nanos now_ns = monotonic_ns();
  const bool minute = now_ns >= next_watched_ns_;
  if (minute) next_watched_ns_ = now_ns + minute_ns;
  decltype(grades_) grades;
  for (const auto& service : sources_.plane->services()) {
    Facts facts;
    const auto found = look(service, facts);
    if (!found) continue;
    pass_on(facts);
    for (std::size_t i = 0; i < question_count; ++i) grades[service][i] = found->answers[i].grade;
    const bool ready = found->overall != Overall::not_ready;
    Gaps& at = gaps(service);
    const bool was_open = at.open();
    if (auto row = at.found(ready, found->failing, found->reason, facts.now_wall_us))
      ledger_.put(std::move(*row));
    if (minute) ledger_.put(at.watched(facts.now_wall_us));
    if (was_open == at.open()) continue;
    sources_.events->stream.emit(
        events::ReadinessChanged{.service = service,
                                 .ready = ready,
                                 .overall = std::string(to_string(found->overall)),
                                 .question = found->failing,
                                 .reason = found->reason});
  }
  grades_ = std::move(grades);
}

std::optional<Readiness> Keeper::look(const std::string& service, Facts& facts) const {
  auto view = sources_.plane->view(service);
  if (!view) return std::nullopt;
  sources_.controller->name_releases(*view);
  facts = gather(service, *view);
  return judge(facts);
}

const Keeper::Times& Keeper::times(const std::string& service) const {
  constexpr Nanos trusted_ns = 10'000'000'000;
  Times& known = times_[service];
  const auto newest = sources_.controller->last_flip(service);
  const bool same =
      newest ? newest->flip == known.flip && newest->state == known.state : known.flip.empty();
  if (same && known.at_ns != 0 && monotonic_ns() - known.at_ns < trusted_ns) return known;
  known = {newest ? newest->flip : "", newest ? newest->state : release::FlipState::switching,
           monotonic_ns()};
  const auto receipts = sources_.controller->history(service, receipts_read);
  const auto moved = std::find_if(receipts.begin(), receipts.end(),
                                  [](const release::Receipt& r) { return r.moved; });
  if (moved != receipts.end()) known.active_since_wall_us = moved->wall_us;
  known.durations = release::durations_of(receipts);
  return known;
}

Facts Keeper::gather(const std::string& service, const worker::ServiceView& view) const {
  const Sources& from = sources_;
  Facts facts;
  facts.service = service;
  facts.now_wall_us = wall_us();
  facts.now_ns = monotonic_ns();
  facts.up_ns = facts.now_ns - started_ns_;
  facts.active = view.active;
  facts.active_release = view.pools[index_of(view.active)].release;
  facts.target = from.controller->rollback_target(service);
  const Times& known = times(service);
  facts.active_since_wall_us = known.active_since_wall_us;
  facts.durations = known.durations;
  if (const auto bake = from.baker->view(service); bake && bake->open)
    facts.baking_until_wall_us = bake->record.until_wall_us;
  // Where nothing could be undone, the standby's state is still worth knowing.
  const Color standby = facts.target.value_or(other(view.active));
  facts.target_release = view.pools[index_of(standby)].release;
  if (const auto release = from.releases->on(service, standby))
    facts.target_state = releases::to_string(release->state);
  facts.people = from.people->people();
  facts.hands = from.people->hands();
  facts.on_call = from.people->on_call();
  facts.socket = socket_;
  facts.rehearsal_period = from.null_flips->period(service);
  facts.rehearsal = from.null_flips->last(service);
  facts.good_rehearsal = from.null_flips->last_good(service);
  facts.hold = from.releases->held(service);
  facts.standing = from.verifier->standing(service);
  facts.fitness = from.releases->fitness(service, standby);
  facts.rps_now = from.releases->fitness(service, view.active).rps_now;
  facts.cost = from.baker->cost(service);
  if (const auto verdict = from.verifier->verdict(service); verdict.watching)
    facts.verdict = verdict.text;
  return facts;
}

std::optional<View> Keeper::view(const std::string& service) const {
  View view;
  auto readiness = look(service, view.facts);
  if (!readiness) return std::nullopt;
  view.readiness = std::move(*readiness);
  if (const auto found = gaps_.find(service); found != gaps_.end()) {
    view.summary = found->second.summary(view.facts.now_wall_us);
    if (found->second.open()) view.gap = found->second.all().back();
  }
  return view;
}

Gaps::Summary Keeper::summary(const std::string& service) const {
  const auto found = gaps_.find(service);
  return found == gaps_.end() ? Gaps::Summary{} : found->second.summary(wall_us());
}

// What the plan found of the standby is part of its fitness for everybody else as well.
void Keeper::pass_on(const Facts& facts) {
  const auto& standing = facts.standing;
  if (!standing.planned) {
    if (told_.erase(facts.service) != 0) sources_.releases->forget_verification(facts.service);
    return;
  }
  if (standing.at_ns == 0 || told_[facts.service] == standing.at_ns) return;
  told_[facts.service] = standing.at_ns;
  const bool differs = standing.identity == verify::Identity::differs;
  std::string text =
      std::to_string(standing.passed) + "/" + std::to_string(standing.total) + " checks pass";
  if (!standing.failing.empty()) text += "; " + standing.failing.front().name + " fails";
  sources_.releases->note_verification(facts.service, standing.color, standing.fit() && !differs,
                                       text, differs);
}

}  // namespace switchback::readiness
