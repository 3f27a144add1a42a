#include "admin/verify/service_verifier.hpp"

#include <algorithm>
#include <cmath>

namespace switchback::verify {
namespace {

constexpr Nanos ms = 1'000'000, second = 1'000 * ms;

Nanos nanos(config::Duration d) {
  return d.count() * ms;
}

std::string_view word(config::HookMoment moment) {
  constexpr std::string_view names[] = {"switched", "verified", "unverified", "rolled_back"};
  return names[static_cast<std::size_t>(moment)];
}

}  // namespace

ServiceVerifier::ServiceVerifier(Surroundings& around, const config::Service& service)
    : around_(around), name_(service.name) {
  if (const auto view = around_.plane.view(name_)) active_ = view->active;
  configure(service);
}

void ServiceVerifier::configure(const config::Service& service) {
  const bool same = plan_ == service.verify;
  bake_ = service.bake;
  if (same) return;
  if (run_ && run_->state == RunState::verifying)
    settle({RunState::superseded, "the plan was changed by a reload"});
  run_.reset();
  plan_ = service.verify;
  plan_sha_ = plan_ ? plan_sha(*plan_) : "";
  rules_.reset();
  watch_.reset();
  watched_flip_.clear();
  verdict_ = {};
  facts_ = {};
  for (auto& board : boards_) board.set_probes({});
  if (!plan_) return;
  verdict_.planned = plan_->traffic || plan_->paired_probes;
  if (plan_->traffic) {
    rules_.emplace(*plan_->traffic);
    const auto window = static_cast<std::uint64_t>(plan_->traffic->baseline.window.count() / 1000);
    baselines_ = {Baseline(window), Baseline(window)};
    unsaved_ = {};
  }
  refresh_probes(Color::blue);
  refresh_probes(Color::green);
}

// Texts change with what runs on the color; answers to other questions are forgotten.
void ServiceVerifier::refresh_probes(Color color) {
  const auto facts = around_.facts(name_, color);
  auto& known = facts_[index_of(color)];
  auto& of_color = board(color);
  if (!of_color.probes().empty() && known.version == facts.version &&
      known.commit == facts.commit) {
    return;
  }
  known = facts;
  Probes probes;
  for (auto& probe : instantiate(*plan_, {facts.version, facts.commit}))
    probes.push_back(std::make_shared<const ProbePlan>(std::move(probe)));
  of_color.set_probes(std::move(probes));
}

// --- asking ----------------------------------------------------------------------------------

void ServiceVerifier::ask(Color color, std::size_t probe, std::function<void()> done) {
  const auto targets = around_.plane.probe_targets(name_, color);
  std::vector<std::string> servers;
  for (const auto& target : targets) servers.push_back(target.server);
  board(color).set_servers(servers);
  const auto plan = board(color).probes().at(probe);
  if (targets.empty() || !plan->missing.empty()) return done();
  const auto left = std::make_shared<std::size_t>(targets.size());
  for (const auto& target : targets) {
    around_.prober.ask(plan, target,
                       [self = shared_from_this(), color, probe, plan, server = target.server, left,
                        done](const Judged& answer) {
                         auto& to = self->board(color);
                         // A reload or a release has put other questions in its place.
                         if (probe < to.probes().size() && to.probes()[probe] == plan)
                           to.record(probe, server, answer);
                         if (--*left == 0) done();
                       });
  }
}

void ServiceVerifier::ask_all(Color color, std::function<void()> done) {
  refresh_probes(color);
  const std::size_t count = board(color).probes().size();
  const auto left = std::make_shared<std::size_t>(count + 1);
  const auto one = [left, done] {
    if (--*left == 0) done();
  };
  for (std::size_t i = 0; i < count; ++i) ask(color, i, one);
  one();
}

void ServiceVerifier::standby_round(Nanos now) {
  if (round_open_ || now < next_round_ns_) return;
  round_open_ = true;
  const Nanos period = nanos(around_.standby_round);
  next_round_ns_ = now + period - period / 10 +
                   static_cast<Nanos>(random_() % static_cast<std::uint64_t>(period / 5 + 1));
  const Color color = other(active_);
  ask_all(color, [self = shared_from_this(), color] {
    self->round_open_ = false;
    self->round_ended_ns_ = monotonic_ns();
    self->round_ended_wall_us_ = wall_us();
    self->round_color_ = color;
  });
}

Standing ServiceVerifier::standing_of(Color color, CheckBoard::By by) const {
  Standing out;
  out.planned = plan_.has_value();
  out.color = color;
  out.release = facts_[index_of(color)].version;
  out.checks = board(color).reports(by);
  out.total = static_cast<unsigned>(out.checks.size());
  for (const auto& check : out.checks) {
    out.passed += check.ok ? 1 : 0;
    if (!check.ok) out.failing.push_back(check);
  }
  out.identity = board(color).identity();
  return out;
}

Standing ServiceVerifier::standing() const {
  if (!plan_) return {};
  auto out = standing_of(other(active_), CheckBoard::By::newest);
  if (round_color_ == out.color) {
    out.at_ns = round_ended_ns_;
    out.at_wall_us = round_ended_wall_us_;
  }
  return out;
}

void ServiceVerifier::run_now(Color color, Verifier::OnStanding done) {
  if (!plan_) return done({});
  ask_all(color, [self = shared_from_this(), color, done = std::move(done)] {
    auto out = self->standing_of(color, CheckBoard::By::newest);
    out.at_ns = monotonic_ns();
    out.at_wall_us = wall_us();
    done(std::move(out));
  });
}

// --- a switch ----------------------------------------------------------------------------------

void ServiceVerifier::switched(const release::Receipt& receipt) {
  const Nanos now = monotonic_ns();
  sample(now);  // what came before belongs to the color before
  if (run_ && run_->state == RunState::verifying)
    settle({RunState::superseded, "a newer flip took its place"});
  active_ = receipt.to;
  if (!plan_) return;
  next_round_ns_ = now;  // the other side is the standby now: what it is fit for, at once
  refresh_probes(receipt.to);
  board(receipt.to).mark();
  run_.emplace();
  run_->receipt = receipt;
  run_->begun_ns = now;
  run_->next.assign(board(receipt.to).probes().size(), now);
  run_->open.assign(run_->next.size(), false);
  last_run_.reset();
  around_.alarms.clear("hook_failed:" + name_);  // of an earlier switch
  start_hooks(config::HookMoment::switched, receipt, true);
  begin_watch(receipt, now);
  step_run(now);
}

void ServiceVerifier::taken_away() {
  if (run_ && run_->state == RunState::verifying)
    settle({RunState::superseded, "a reload took the service away"});
}

void ServiceVerifier::start_hooks(config::HookMoment moment, const release::Receipt& receipt,
                                  bool counted) {
  for (const auto& hook : plan_->hooks) {
    if (hook.on != moment) continue;
    HookJob job;
    std::string why;
    const auto& facts = facts_[index_of(receipt.to)];
    for (const auto& text : hook.exec) {
      const auto filled = fill_in(text, {facts.version, facts.commit}, false, why);
      job.exec.push_back(filled.value_or(""));
    }
    job.timeout = hook.timeout;
    job.environment = {"SWITCHBACK_EVENT=" + std::string(word(moment)),
                       "SWITCHBACK_SERVICE=" + name_,
                       "SWITCHBACK_FLIP=" + receipt.flip,
                       "SWITCHBACK_KIND=" + std::string(events::to_string(receipt.kind)),
                       "SWITCHBACK_FROM=" + std::string(to_string(receipt.from)),
                       "SWITCHBACK_TO=" + std::string(to_string(receipt.to)),
                       "SWITCHBACK_RELEASE=" + receipt.to_release};
    const bool required = counted && hook.required;
    if (required) ++run_->hooks_open;
    around_.hooks.run(std::move(job), [self = shared_from_this(), required, flip = receipt.flip,
                                       program = hook.exec.front()](const std::string& fault) {
      if (!fault.empty())
        self->around_.alarms.raise("hook_failed:" + self->name_,
                                   self->name_ + ": " + program + " " + fault);
      auto& run = self->run_;
      if (!required || !run || run->receipt.flip != flip) return;
      --run->hooks_open;
      if (fault.empty()) return;
      run->hook_failed = true;
      run->hook_fault = program + " " + fault;
    });
  }
}

void ServiceVerifier::step_run(Nanos now) {
  if (!run_ || run_->state != RunState::verifying) return;
  auto& run = *run_;
  const Color color = run.receipt.to;
  const auto& probes = board(color).probes();
  for (std::size_t i = 0; i < run.next.size() && i < probes.size(); ++i) {
    if (run.open[i] || now < run.next[i]) continue;
    run.open[i] = true;
    run.next[i] = now + static_cast<Nanos>(probes[i]->every_ms) * ms;
    ask(color, i, [self = shared_from_this(), i, flip = run.receipt.flip] {
      if (!self->run_ || self->run_->receipt.flip != flip) return;
      self->run_->open[i] = false;
      // As soon as an answer is there: a rollback is verified in milliseconds, not in ticks.
      if (self->run_->state == RunState::verifying && !self->rules_) self->step_run(monotonic_ns());
    });
  }
  if (!run_ || run_->state != RunState::verifying) return;
  const auto reports = board(color).reports(CheckBoard::By::rule);
  RunFacts facts;
  facts.deadline_passed = now - run.begun_ns >= nanos(plan_->deadline);
  facts.checks = static_cast<unsigned>(reports.size());
  for (const auto& report : reports) facts.checks_ok += report.ok ? 1 : 0;
  facts.proved_wrong = board(color).proved_wrong();
  facts.answered_wrongly = board(color).answered_wrongly();
  facts.identity = board(color).identity();
  facts.identity_asked =
      std::any_of(probes.begin(), probes.end(), [](const auto& probe) { return probe->identity; });
  facts.traffic_planned = rules_.has_value();
  facts.traffic = verdict_.value;
  facts.paired_planned = watch_ && watch_->pairs;
  if (facts.paired_planned) {
    facts.paired = watch_->pairs->verdict();
    facts.paired_proven_good = watch_->pairs->new_proven_good();
  }
  facts.required_hooks_open = run.hooks_open;
  facts.required_hook_failed = run.hook_failed;
  auto verdict = judge_run(facts);
  if (run.hook_failed && verdict.state == RunState::unverified)
    verdict.label += ": " + run.hook_fault;
  if (verdict.state == RunState::verifying) return report_run(false, verdict);
  settle(verdict);
}

void ServiceVerifier::report_run(bool settled, const RunVerdict& verdict) {
  release::Verification out;
  out.settled = settled;
  out.state = to_string(verdict.state);
  out.label = verdict.label;
  if (verdict_.planned) out.verdict = to_string(verdict_.value);
  out.deadline_ms = plan_->deadline.count();
  for (const auto& check : board(run_->receipt.to).reports(CheckBoard::By::rule))
    out.checks.push_back({check.name, check.ok, check.server, check.observed, check.expected,
                          check.latency_us, check.passes, check.runs});
  last_run_ = out;
  around_.controller.verification(run_->receipt.flip, out);
  if (settled) around_.write_run(run_->receipt, plan_sha_, out);
}

void ServiceVerifier::settle(const RunVerdict& verdict) {
  run_->state = verdict.state;
  const auto receipt = run_->receipt;
  report_run(true, verdict);
  using config::HookMoment;
  if (verdict.state == RunState::superseded) return;
  const bool good = verdict.state == RunState::verified;
  start_hooks(good ? HookMoment::verified : HookMoment::unverified, receipt, false);
  if (good && receipt.kind != release::FlipKind::promote)
    start_hooks(HookMoment::rolled_back, receipt, false);
}

Nanos ServiceVerifier::tick(Nanos now) {
  if (!plan_) return now + second;
  const auto view = around_.plane.view(name_);
  if (!view) return now + second;
  if (!run_ || run_->state != RunState::verifying) active_ = view->active;
  resume_watch(now);
  standby_round(now);
  if (rules_) sample(now);
  if (second_ns_ == 0) second_ns_ = now;
  if (now - second_ns_ >= second) {
    end_second(now, static_cast<std::uint64_t>((now - second_ns_) / second));
    second_ns_ += (now - second_ns_) / second * second;
  }
  step_pairs(now);
  if (watch_) judge(now);
  step_run(now);
  const bool hurry = run_ && run_->state == RunState::verifying;
  Nanos next = hurry ? now + 50 * ms : second_ns_ + second;
  if (watch_ && watch_->pairs) next = std::min(next, std::max(watch_->next_pair_ns, now + ms));
  return next;
}

}  // namespace switchback::verify
