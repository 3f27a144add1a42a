#include "admin/bake/baker.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>

#include "admin/events/receipt_json.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::bake {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t records_kept = 1000;
constexpr std::size_t history_read = 200;  // switches of a service that the guards look at

std::int64_t minute_now() {
  return monotonic_ns() / 60'000'000'000;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, share < 0.01 ? "%.2g %%" : "%.1f %%", share * 100);
  return text;
}

std::string alarm_code(std::string_view what, const std::string& service) {
  return std::string(what) + ":" + service;
}

std::string subject_of(const Record& record) {
  const std::string color(to_string(record.color));
  return record.release.empty() ? color : record.release + " (" + color + ")";
}

}  // namespace

Baker::Baker(asio::io_context& io, worker::DataPlane& plane, release::Controller& controller,
             events::Events& events, releases::Releases& releases, verify::Verifier& verifier,
             ledger::Ledger& ledger, const config::Config& config)
    : plane_(plane),
      controller_(controller),
      stream_(events.stream),
      alarms_(events.alarms),
      releases_(releases),
      verifier_(verifier),
      ledger_(ledger),
      timer_(io) {
  configure(config);
  ledger_.when_loaded(ledger::Table::verdict,
                      [this, &io, weak = std::weak_ptr(alive_)](std::vector<ledger::Row> rows) {
                        asio::post(io, [this, weak, rows = std::move(rows)] {
                          if (!weak.expired()) adopt(rows);
                        });
                      });
  releases_.set_bakes([this](const std::string& service) {
    const Rules& rule = rules(service);
    return rule.judged && rule.bake.length.count() > 0;
  });
  // The verdict of a second is acted on in the same second, not when our own timer comes round.
  subscription_ =
      verifier_.subscribe([this](const std::string& service, const verify::ServiceVerdict&) {
        const auto lane = lanes_.find(service);
        if (lane == lanes_.end()) return;
        look_for_switch(service, lane->second);
        step(service, lane->second);
      });
  arm();
}

Baker::~Baker() {
  verifier_.unsubscribe(subscription_);
  releases_.set_bakes({});
}

void Baker::configure(const config::Config& config) {
  rules_.clear();
  for (const config::Service& service : config.services) {
    Rules& rule = rules_[service.name];
    rule.bake = service.bake;
    rule.judged = service.verify && (service.verify->traffic || service.verify->paired_probes);
  }
  for (auto at = lanes_.begin(); at != lanes_.end();) {
    if (!rules_.contains(at->first)) forget(at->first);
    at = rules_.contains(at->first) ? std::next(at) : lanes_.erase(at);
  }
  for (const auto& [name, rule] : rules_) {
    Lane& lane = lanes_[name];
    // Six hours of errors are not forgotten because a certificate was renewed.
    if (!lane.burn || lane.objective != rule.bake.objective)
      lane.burn = std::make_unique<BurnRate>(rule.bake.objective);
    lane.objective = rule.bake.objective;
    lane.counting = false;
  }
}

// A service that a reload took away: nobody is paged for it any more.
void Baker::forget(const std::string& service) {
  for (const char* what : {"regressed", "both_bad", "budget_burns"})
    alarms_.clear(alarm_code(what, service));
}

// What earlier lives watched. A window that went on when they ended, and is over by now, was not
// watched to its end.
void Baker::adopt(const std::vector<ledger::Row>& rows) {
  for (const auto& row : rows) {
    auto record = record_from_row(row);
    if (!record) continue;
    const auto lane = lanes_.find(record->service);
    const bool goes_on =
        lane != lanes_.end() && lane->second.watch && lane->second.record.flip == record->flip;
    if (goes_on) {
      lane->second.watch->remember(record->warned_wall_us, record->regressed_wall_us,
                                   record->would_wall_us);
      keep(lane->second);
    } else if (record->outcome == Outcome::watching && record->until_wall_us <= wall_us()) {
      const bool bad = record->would_wall_us != 0 || record->regressed_wall_us != 0;
      record->outcome = bad ? Outcome::advised : Outcome::interrupted;
      record->ended_wall_us = record->until_wall_us;
      ledger_.put(to_row(*record));
    }
    records_.try_emplace(record->flip, std::move(*record));
  }
}

const Baker::Rules& Baker::rules(const std::string& service) const {
  static const Rules none{{std::chrono::milliseconds(0)}, false};
  const auto found = rules_.find(service);
  return found == rules_.end() ? none : found->second;
}

void Baker::arm() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this, weak = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || weak.expired()) return;
    tick();
    arm();
  });
}

void Baker::tick() {
  for (auto& [service, lane] : lanes_) {
    count(service, lane);
    look_for_switch(service, lane);
    step(service, lane);
  }
}

// A promote opens a window; so does an automatic rollback, over what it went back to. A person's
// rollback ends one: what is wrong then is known, and the verification of the rollback speaks.
void Baker::look_for_switch(const std::string& service, Lane& lane) {
  const auto newest = controller_.last_flip(service);
  if (!newest || !newest->moved || newest->flip == lane.last_flip) return;
  lane.last_flip = newest->flip;
  lane.moves.clear();
  for (auto& receipt : controller_.history(service, history_read)) {
    if (!receipt.moved) continue;
    if (lane.moves.size() < 2 || receipt.kind == release::FlipKind::auto_rollback)
      lane.moves.push_back(std::move(receipt));
  }
  // Our own way back may be seen here before its answer comes.
  if (lane.watch && lane.watch->going_back() && newest->kind == release::FlipKind::auto_rollback) {
    lane.record.rollback = newest->flip;
    for (const Step step : lane.watch->went_back(true, "")) act(service, lane, step);
  }
  step(service, lane);  // what was watched until now ends by it
  alarms_.clear(alarm_code("regressed", service));
  alarms_.clear(alarm_code("both_bad", service));
  open(service, lane, *newest);
}

void Baker::open(const std::string& service, Lane& lane, const release::Receipt& newest) {
  const Rules& rule = rules(service);
  const bool opens =
      newest.kind == release::FlipKind::promote || newest.kind == release::FlipKind::auto_rollback;
  if (!opens || !rule.judged || rule.bake.length.count() <= 0) return;
  Watched watched{service,
                  newest.flip,
                  newest.to_release,
                  newest.to,
                  newest.kind,
                  newest.wall_us,
                  newest.wall_us + rule.bake.length.count() * 1000};
  const std::int64_t left_us = watched.until_wall_us - wall_us();
  if (left_us <= 0) return releases_.bake_ended(service);  // of an earlier life, and over
  lane.record = {service,      watched.flip,   watched.release,       watched.color,
                 watched.kind, rule.bake.mode, watched.since_wall_us, watched.until_wall_us};
  // Told already, by the life before this one.
  if (const auto known = records_.find(watched.flip); known != records_.end()) {
    lane.record = known->second;
    if (lane.record.outcome != Outcome::watching) return releases_.bake_ended(service);
  }
  lane.watch.emplace(std::move(watched));
  lane.watch->remember(lane.record.warned_wall_us, lane.record.regressed_wall_us,
                       lane.record.would_wall_us);
  // From here on by a clock that nobody sets: the wall's is for what outlives this process.
  lane.until_ns = monotonic_ns() + 1000 * std::min(left_us, rule.bake.length.count() * 1000);
  keep(lane);
  tell(events::BakeStep::begun, lane, "watching " + subject_of(lane.record));
}

Situation Baker::situation(const std::string& service, const Lane& lane) const {
  const Watched& watched = lane.watch->watched();
  const Rules& rule = rules(service);
  Situation now;
  now.now_wall_us = wall_us();
  now.window_open = monotonic_ns() < lane.until_ns;
  now.mode = rule.bake.mode;
  now.verdict = verifier_.verdict(service);
  // A verdict about another switch says nothing about this one.
  if (now.verdict.flip != watched.flip) now.verdict = {};
  now.verdict.kind = watched.kind;
  now.verdict.flip = watched.flip;
  now.verdict.subject_release = watched.release;
  now.history = lane.moves;
  now.subject_has_traffic = lane.last_flip == watched.flip;
  now.target = controller_.rollback_target(service);
  if (now.target) {
    const auto fitness = releases_.fitness(service, *now.target);
    now.standby_fault = fitness.fit() ? "" : fitness.why_not();
    now.proven_rps = fitness.proven_rps();
    if (const auto release = releases_.on(service, *now.target))
      now.target_release = release->version;
  }
  // A release that fails at once is asked more often than one that works: what the standby will get
  // is what came before.
  now.rps_now = releases_.fitness(service, watched.color).rps_now;
  const double before = lane.counted == watched.color ? lane.rps_before : lane.rate();
  if (before > 0) now.rps_now = std::min(now.rps_now, before);
  if (const auto hold = releases_.held(service)) {
    now.hold = hold->actor + (hold->reason.empty() ? "" : ", " + hold->reason);
  }
  return now;
}

void Baker::step(const std::string& service, Lane& lane) {
  if (!lane.watch || lane.watch->over()) return;
  for (const Step step : lane.watch->second(situation(service, lane))) {
    act(service, lane, step);
  }
}

void Baker::act(const std::string& service, Lane& lane, Step step) {
  const verify::ServiceVerdict verdict = verifier_.verdict(service);
  Record& record = lane.record;
  const std::string subject = subject_of(record);
  const std::string command = "switchback rollback " + service;
  if (verdict.flip == record.flip) record.verdict = verdict.text;
  switch (step) {
    case Step::warn:
      tell(events::BakeStep::warned, lane, subject + ": " + verdict.text);
      break;
    case Step::advise:
      alarms_.raise(alarm_code("regressed", service),
                    subject + " is worse than what it replaced: " + verdict.text +
                        ". To go back: " + command);
      tell(events::BakeStep::would_go_back, lane, "mode advise: a person decides. " + command);
      break;
    case Step::blocked:
      record.objections = lane.watch->objection();
      alarms_.raise(alarm_code("regressed", service),
                    subject + " is worse than what it replaced: " + verdict.text +
                        ". Not taken back by itself: " + record.objections +
                        ". A person can: " + command);
      tell(events::BakeStep::blocked, lane, record.objections);
      break;
    case Step::go_back:
      go_back(service, lane);
      break;
    case Step::page:
      alarms_.raise(alarm_code("both_bad", service),
                    service + " was taken back to " + subject +
                        " automatically, and that fails as well: " + verdict.text +
                        ". Nothing more happens by itself; look at what both share.");
      tell(events::BakeStep::target_bad, lane, verdict.text);
      break;
    case Step::over:
      // That time is up mends nothing: the alarm stands until somebody switches.
      record.ended_wall_us = wall_us();
      record.outcome = lane.watch->outcome();
      releases_.bake_ended(service);
      tell(events::BakeStep::over, lane, subject + ": " + std::string(to_string(record.outcome)));
      break;
  }
  keep(lane);
}

void Baker::go_back(const std::string& service, Lane& lane) {
  release::FlipRequest request;
  request.service = service;
  request.automatic = true;
  request.reason = "automatic: " + lane.record.verdict;
  request.actor = {"switchback (bake)", "internal", config::Role::operate};
  tell(events::BakeStep::goes_back, lane, request.reason);
  controller_.rollback(
      std::move(request), [this, service, flip = lane.record.flip,
                           weak = std::weak_ptr(alive_)](const release::FlipAnswer& answer) {
        if (weak.expired()) return;
        const auto found = lanes_.find(service);
        if (found == lanes_.end()) return;
        Lane& at = found->second;
        if (!at.watch || at.record.flip != flip || !at.watch->going_back()) return;
        const auto* receipt = std::get_if<release::Receipt>(&answer);
        // A person was faster, and the answer is that one's.
        if (receipt && (receipt->already || receipt->kind != release::FlipKind::auto_rollback))
          return at.watch->overtaken();
        if (receipt) at.record.rollback = receipt->flip;
        const std::string why = receipt ? "" : std::get<release::Problem>(answer).title;
        for (const Step step : at.watch->went_back(receipt != nullptr, why)) {
          act(service, at, step);
        }
      });
}

void Baker::keep(Lane& lane) {
  Record& record = lane.record;
  record.warned_wall_us = lane.watch->warned_wall_us();
  record.regressed_wall_us = lane.watch->regressed_wall_us();
  record.would_wall_us = lane.watch->would_wall_us();
  records_[record.flip] = record;
  if (records_.size() > records_kept) records_.erase(records_.begin());  // the oldest ULID
  ledger_.put(to_row(record));
}

void Baker::tell(events::BakeStep step, const Lane& lane, const std::string& text) {
  const Record& record = lane.record;
  stream_.emit(
      events::BakeStepped{step, record.service, record.flip, record.release, record.color, text});
}

// Every second, of the active color: what came, and how much of it failed with 5xx.
void Baker::count(const std::string& service, Lane& lane) {
  const auto view = plane_.view(service);
  if (!view) return;
  std::uint64_t requests = 0, bad = 0;
  for (const auto& one : plane_.stats().services) {
    if (one.name != service) continue;
    for (const auto* shard : one.shards) {
      const auto& color = shard->color[index_of(view->active)];
      for (const auto& of_class : color.by_status_class) requests += of_class.read();
      bad += color.by_status_class[5].read();
    }
  }
  const bool goes_on = lane.counting && lane.counted == view->active && requests >= lane.requests;
  if (lane.counting && lane.counted != view->active) {
    lane.rps_before = lane.rate();
    lane.seconds = {};  // another release's
    lane.filled = 0;
  }
  if (goes_on) lane.filled = std::min(lane.filled + 1, lane.seconds.size());
  auto& second = lane.seconds[++lane.second % lane.seconds.size()];
  second = goes_on ? Lane::Second{requests - lane.requests, bad - lane.bad} : Lane::Second{};
  lane.counting = true;
  lane.counted = view->active;
  lane.requests = requests;
  lane.bad = bad;
  const std::int64_t minute = minute_now();
  lane.burn->add(minute, second.requests, second.bad);
  page(service, lane, minute);
}

void Baker::page(const std::string& service, Lane& lane, std::int64_t minute) {
  const auto now = lane.burn->page(minute);
  if (now == lane.page) return;
  lane.page = now;
  if (now == BurnRate::Page::none) {
    alarms_.clear(alarm_code("budget_burns", service));
    return;
  }
  const unsigned window = now == BurnRate::Page::fast ? 5 : 30;
  char text[160];
  std::snprintf(text, sizeof text,
                "errors spend the budget of %s %.0f times too fast, %s of 30 days' an hour",
                service.c_str(), lane.burn->over(minute, window),
                percent(lane.burn->budget_per_hour(minute, window)).c_str());
  const auto target = controller_.rollback_target(service);
  alarms_.raise(alarm_code("budget_burns", service),
                std::string(text) +
                    (target ? ". If the release is to blame: switchback rollback " + service : ""));
}

Cost Baker::cost(const std::string& service) const {
  Cost cost;
  cost.objective = rules(service).bake.objective;
  const auto found = lanes_.find(service);
  if (found == lanes_.end() || !found->second.burn) return cost;
  const Lane& lane = found->second;
  cost.bad_per_second = lane.mean(&Lane::Second::bad);
  cost.requests_per_second = lane.rate();
  const std::int64_t minute = minute_now();
  cost.burn_5m = lane.burn->over(minute, 5);
  cost.burn_1h = lane.burn->over(minute, 60);
  cost.budget_per_hour = lane.burn->budget_per_hour(minute, 5);
  return cost;
}

std::optional<View> Baker::view(const std::string& service) const {
  const auto found = lanes_.find(service);
  if (found != lanes_.end() && found->second.watch) {
    const Lane& lane = found->second;
    return View{lane.record, !lane.watch->over(), lane.watch->guards()};
  }
  const Record* newest = nullptr;
  for (const auto& [flip, record] : records_) {
    if (record.service == service && (!newest || newest->since_wall_us < record.since_wall_us))
      newest = &record;
  }
  if (!newest) return std::nullopt;
  return View{*newest, false, {}};
}

Audit Baker::audit(const std::string& service) const {
  std::vector<Record> records;
  for (const auto& [flip, record] : records_) {
    if (service.empty() || record.service == service) records.push_back(record);
  }
  return audit_of(std::move(records), controller_.history(service, records_kept), wall_us());
}

}  // namespace switchback::bake
