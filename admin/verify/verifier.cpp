#include "admin/verify/verifier.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "admin/ledger/ledger.hpp"
#include "admin/release/ulid.hpp"
#include "admin/verify/report_json.hpp"
#include "admin/verify/service_verifier.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::verify {
namespace {

namespace asio = boost::asio;

class VerifierImpl final : public Verifier, public release::FlipWatcher {
 public:
  VerifierImpl(asio::io_context& io, worker::DataPlane& plane, release::Controller& controller,
               events::Events& events, ledger::Ledger& ledger, const config::Config& config,
               VerifierOptions options)
      : io_(io),
        controller_(controller),
        stream_(events.stream),
        ledger_(ledger),
        hooks_(io),
        prober_(io),
        timer_(io),
        around_{plane,
                controller,
                events.alarms,
                prober_,
                hooks_,
                options.standby_round,
                [this](const std::string& service, Color color) { return facts(service, color); },
                [this](const std::string& service, const ServiceVerdict& v) { tell(service, v); },
                [this](const release::Receipt& r, const std::string& sha,
                       const release::Verification& v) { write_run(r, sha, v); },
                [this](const ServiceVerdict& v) { write_verdict(v); },
                [this](SavedBaseline saved) { ledger_.put(to_row(saved)); }} {
    configure(config);
    controller_.watch_flips(this);
    tick();
    remember();
  }
  // The ledger outlives this, and writes what it is handed before it ends.
  ~VerifierImpl() override {
    controller_.watch_flips(nullptr);
    for (const auto& [name, service] : services_) service->save_at_end();
  }

  Standing standing(const std::string& service) const override {
    const auto at = services_.find(service);
    return at == services_.end() ? Standing{} : at->second->standing();
  }
  ServiceVerdict verdict(const std::string& service) const override {
    const auto at = services_.find(service);
    return at == services_.end() ? ServiceVerdict{} : at->second->verdict();
  }
  std::uint64_t subscribe(OnVerdict on_verdict) override {
    listeners_.emplace(++next_handle_, std::make_shared<OnVerdict>(std::move(on_verdict)));
    return next_handle_;
  }
  void unsubscribe(std::uint64_t handle) override { listeners_.erase(handle); }
  void run_now(const std::string& service, Color color, OnStanding done) override {
    const auto at = services_.find(service);
    if (at == services_.end()) {
      asio::post(io_, [done = std::move(done)] { done({}); });
      return;
    }
    at->second->run_now(color, std::move(done));
  }
  void set_release_facts(std::function<ReleaseFacts(const std::string&, Color)> facts) override {
    release_facts_ = std::move(facts);
  }
  void configure(const config::Config& config) override {
    std::map<std::string, std::shared_ptr<ServiceVerifier>> next;
    for (const auto& service : config.services) {
      const auto at = services_.find(service.name);
      if (at == services_.end()) {
        if (service.verify)
          next.emplace(service.name, std::make_shared<ServiceVerifier>(around_, service));
        continue;
      }
      at->second->configure(service);
      if (service.verify) next.insert(*at);
    }
    for (const auto& [name, service] : services_)
      if (!next.contains(name)) service->taken_away();
    services_ = std::move(next);
  }

  bool has_plan(const std::string& service) const override { return services_.contains(service); }
  void switched(const release::Receipt& receipt) override {
    const auto at = services_.find(receipt.service);
    if (at == services_.end()) return;
    at->second->switched(receipt);
    tick();
  }

 private:
  ReleaseFacts facts(const std::string& service, Color color) const {
    if (release_facts_) return release_facts_(service, color);
    const auto view = around_.plane.view(service);
    return {view ? view->pools[index_of(color)].release : "", ""};
  }

  void tick() {
    Nanos next = monotonic_ns() + 1'000'000'000;
    const auto services = services_;  // a callback may configure
    for (const auto& [name, service] : services)
      next = std::min(next, service->tick(monotonic_ns()));
    timer_.expires_after(
        std::chrono::nanoseconds(std::max<Nanos>(next - monotonic_ns(), 1'000'000)));
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
      if (!error && !alive.expired()) tick();
    });
  }

  // What an earlier life counted, and which release it was watching. On a turn of its own: names of
  // releases are known by then, and so is the history, which the ledger brings at the same time.
  void remember() {
    ledger_.when_loaded(ledger::Table::baseline, [this, &io = io_, alive = std::weak_ptr(alive_)](
                                                     std::vector<ledger::Row> rows) {
      asio::post(io, [this, alive, rows = std::move(rows)] {
        if (alive.expired()) return;
        for (const auto& row : rows) {
          auto saved = baseline_from_row(row);
          if (!saved) continue;
          const auto at = services_.find(saved->service);
          if (at != services_.end()) at->second->restore(std::move(*saved));
        }
        for (const auto& [name, service] : services_)
          if (const auto newest = controller_.last_flip(name)) service->resume(*newest);
      });
    });
  }

  void tell(const std::string& service, const ServiceVerdict& verdict) {
    const auto listeners = listeners_;  // one may unsubscribe within its call
    for (const auto& [handle, listener] : listeners)
      if (listeners_.contains(handle)) (*listener)(service, verdict);
  }

  void write_run(const release::Receipt& receipt, const std::string& sha,
                 const release::Verification& run) {
    const std::int64_t now = wall_us();
    const std::string id = ulids_.next(now);
    ledger_.put(ledger::Row{ledger::Table::verification,
                            {id, receipt.flip, receipt.service, sha, std::string("flip"), run.state,
                             receipt.wall_us, now}});
    for (const auto& check : run.checks) {
      ledger_.put(ledger::Row{ledger::Table::check_result,
                              {id, check.name, std::int64_t{check.ok}, check.observed,
                               check.expected, static_cast<std::int64_t>(check.latency_us),
                               std::int64_t{check.passes}, std::int64_t{check.runs}}});
    }
  }

  void write_verdict(const ServiceVerdict& verdict) {
    const std::int64_t now = wall_us();
    auto evidence = verdict_object(verdict);
    const auto receipt = controller_.flip(verdict.flip);
    const std::string service = receipt ? receipt->service : "";
    // One row for what real requests say, one for what pairs say; there is none of kind gate
    // without a database. Both carry the whole evidence.
    const std::string text = boost::json::serialize(evidence);
    const auto put = [&](const char* kind, std::string_view value) {
      ledger_.put(
          ledger::Row{ledger::Table::verdict,
                      {ulids_.next(now), service, verdict.flip, std::string(kind),
                       verdict.subject_release, std::string(value), text, now, std::string()}});
    };
    if (!verdict.streams.empty()) put("traffic", to_string(verdict.of_traffic));
    if (verdict.paired.planned) put("paired", to_string(verdict.paired.value));
    stream_.emit(events::VerdictReached{service, std::move(evidence)});
  }

  asio::io_context& io_;
  release::Controller& controller_;
  events::Stream& stream_;
  ledger::Ledger& ledger_;
  release::UlidMaker ulids_;
  std::function<ReleaseFacts(const std::string&, Color)> release_facts_;
  Hooks hooks_;
  Prober prober_;
  asio::steady_timer timer_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::map<std::uint64_t, std::shared_ptr<OnVerdict>> listeners_;
  std::uint64_t next_handle_ = 0;
  Surroundings around_;
  std::map<std::string, std::shared_ptr<ServiceVerifier>> services_;
};

}  // namespace

std::string_view to_string(Identity identity) {
  constexpr std::string_view names[] = {"unknown", "matches", "differs"};
  return names[static_cast<std::size_t>(identity)];
}

std::string_view to_string(Value value) {
  constexpr std::string_view names[] = {"HEALTHY", "REGRESSED", "DEGRADED", "SHARED",
                                        "INCONCLUSIVE"};
  return names[static_cast<std::size_t>(value)];
}

std::unique_ptr<Verifier> make_verifier(asio::io_context& io, worker::DataPlane& plane,
                                        release::Controller& controller, events::Events& events,
                                        ledger::Ledger& ledger, const config::Config& config,
                                        VerifierOptions options) {
  return std::make_unique<VerifierImpl>(io, plane, controller, events, ledger, config, options);
}

}  // namespace switchback::verify
