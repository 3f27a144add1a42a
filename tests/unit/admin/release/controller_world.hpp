// A controller with everything around it that is cheap to have for real (state files, ledger,
// io_context), and a data plane whose workers pass barriers when the test says so.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "admin/release/make_controller.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::release::test {

using namespace std::chrono_literals;

class FakeDataPlane : public worker::DataPlane {
 public:
  explicit FakeDataPlane(std::vector<worker::ServiceSeed> seeds) {
    for (const auto& seed : seeds) {
      auto& view = views[seed.service];
      view.service = seed.service;
      view.active = seed.active;
      view.epoch = seed.epoch;
      names.push_back(seed.service);
      for (auto color : {Color::blue, Color::green})
        set_health(seed.service, color, upstream::Health::healthy);
      view.pools[0].release = "v1.2";
      view.pools[1].release = "v1.3";
    }
  }

  void set_health(const std::string& service, Color color, upstream::Health health) {
    worker::ServerView server;
    server.address = std::string(to_string(color)) + ":9000";
    server.health = health;
    views[service].pools[index_of(color)].servers = {server};
  }
  // One worker, or all, pass the barrier of a switch with `left` requests in flight on its shard.
  void pass(std::size_t record_index, unsigned worker, std::uint64_t left = 0) {
    const auto record = records.at(record_index);
    auto& shard = record->shards[worker];
    const Nanos now = monotonic_ns();
    shard.accepted[0] = left;
    if (left == 0) {
      shard.last_old_ns = now;
      shard.drained_ns = now;
    }
    shard.barrier_ns = now;
    observer->switch_progressed(record);
  }
  void end_requests(std::size_t record_index, unsigned worker) {
    auto& shard = records.at(record_index)->shards[worker];
    shard.ended[0][0] = shard.accepted[0].load();
    shard.last_old_ns = shard.drained_ns = monotonic_ns();
    observer->switch_progressed(records[record_index]);
  }

  unsigned workers() const override { return 2; }
  std::vector<std::string> listener_addresses() const override { return {}; }
  std::vector<std::string> services() const override { return names; }
  std::optional<worker::ServiceView> view(const std::string& service) const override {
    const auto at = views.find(service);
    return at == views.end() ? std::nullopt : std::optional(at->second);
  }
  worker::StatsView stats() const override { return {}; }
  std::optional<mirror::View> mirror_view(const std::string&, std::size_t) const override {
    return std::nullopt;
  }
  std::shared_ptr<drain::SwitchRecord> switch_color(const std::string& service, Color to,
                                                    std::uint64_t epoch) override {
    const auto at = views.find(service);
    if (at == views.end() || gone) return nullptr;
    REQUIRE(epoch > at->second.epoch);
    auto record = std::make_shared<drain::SwitchRecord>(service, at->second.active, to, epoch, 2);
    record->stored_ns = monotonic_ns();
    at->second.active = to;
    at->second.epoch = epoch;
    records.push_back(record);
    if (on_switch) on_switch();
    if (auto_pass) {
      pass(records.size() - 1, 0, left_in_flight);
      pass(records.size() - 1, 1, left_in_flight);
    }
    return record;
  }
  bool pause(const std::string& service) override { return set_paused(service, true); }
  bool resume(const std::string& service) override { return set_paused(service, false); }
  void probe_pool(const std::string&, Color, config::Duration,
                  std::function<void(unsigned)> done) override {
    ++probes;
    if (probe_answers) done(probe_accepts);
  }
  void reload(const config::Config&, const std::vector<worker::ServiceSeed>&) override {}
  void reopen_logs() override {}
  void shut_down(config::Duration, std::function<void()> done) override { done(); }

  std::map<std::string, worker::ServiceView> views;
  std::vector<std::string> names;
  std::shared_ptr<worker::Observer> observer;
  std::vector<std::shared_ptr<drain::SwitchRecord>> records;
  std::function<void()> on_switch;
  bool auto_pass = true, gone = false, probe_answers = true;
  std::uint64_t left_in_flight = 0;
  unsigned probe_accepts = 0, probes = 0;

 private:
  bool set_paused(const std::string& service, bool paused) {
    const auto at = views.find(service);
    if (at == views.end()) return false;
    at->second.paused = paused;
    return true;
  }
};

// fdatasync as the test wants it: it may fail, and it may take until the test lets go.
struct FakeDisk {
  std::mutex mutex;
  std::condition_variable changed;
  bool stalled = false;
  bool failing = false;
  unsigned asked = 0;
  std::function<void()> before;  // on the lane, when the bytes are in the file but not synced

  int sync() {
    std::unique_lock lock(mutex);
    ++asked;
    changed.notify_all();
    if (before) before();
    changed.wait(lock, [this] { return !stalled; });
    errno = EIO;
    return failing ? -1 : 0;
  }
  void set(bool stall, bool fail) {
    std::lock_guard lock(mutex);
    stalled = stall;
    failing = fail;
    changed.notify_all();
  }
};

inline config::Config config_of(std::vector<std::string> services) {
  config::Config config;
  for (auto& name : services) {
    config.services.emplace_back();
    config.services.back().name = name;
  }
  return config;
}

struct World {
  explicit World(ControllerOptions o = {}, std::vector<std::string> services = {"shop"})
      : World(std::make_shared<switchback::test::TempDir>(), o, std::move(services)) {}
  World(std::shared_ptr<switchback::test::TempDir> d, ControllerOptions o = {},
        std::vector<std::string> services = {"shop"})
      : dir(std::move(d)), options(o), config(config_of(std::move(services))) {
    start();
  }
  ~World() {
    disk->set(false, false);
    stop();
  }

  void start() {
    auto d = disk;
    board = std::make_unique<events::Events>();
    store = state::StateStore::open(*dir / "state", *dir / "run", {[d](int) { return d->sync(); }});
    ledger::LedgerOptions ledger_options;
    ledger_options.path = ledger_path.empty() ? *dir / "state/ledger.db" : ledger_path;
    ledger_options.busy_timeout = 1ms;
    ledger_options.retry_first = ledger_options.retry_most = 1ms;
    ledger_options.open_wait = 20s;
    book = ledger::Ledger::open(ledger_options);
    plane = std::make_unique<FakeDataPlane>(store->seeds(config));
    auto observer = make_observer(io);
    plane->observer = observer;
    controller = make_controller(io, *plane, *store, *book, *board, observer, options);
    board->stream.subscribe(0, [this](const events::Event& event) {
      events.push_back({event.id(), event.type(), event.json()});
    });
  }
  void stop() {
    controller.reset();
    if (book && ledger_path.empty()) book->flush(20s);  // a broken one would never be done
    book.reset();
    store.reset();
    plane.reset();
    io.restart();
    io.poll();  // handlers that were under way find nobody
  }
  void restart() {
    stop();
    events.clear();
    start();
  }

  struct Told {  // an event as it leaves the process
    std::uint64_t id = 0;
    std::string type, json;
  };

  template <class Predicate>
  void run_until(Predicate predicate) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!predicate()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      io.run_one_for(20s);
    }
  }
  void poll() {
    io.restart();
    io.poll();
  }

  static FlipRequest request(std::string to = "", std::string key = "") {
    FlipRequest r;
    r.service = "shop";
    if (!to.empty()) r.to = std::move(to);
    r.idempotency_key = std::move(key);
    r.actor = {"uid 0 (root)", "peer", config::Role::admin};
    return r;
  }

  // A call whose answer is waited for later.
  struct Pending {
    std::shared_ptr<std::optional<FlipAnswer>> answer =
        std::make_shared<std::optional<FlipAnswer>>();
    bool has() const { return answer->has_value(); }
    const Receipt& receipt() const {
      REQUIRE(has());
      if (const auto* p = std::get_if<Problem>(&**answer)) FAIL(p->code << ": " << p->detail);
      return std::get<Receipt>(**answer);
    }
    const Problem& problem() const {
      REQUIRE(has());
      REQUIRE(std::holds_alternative<Problem>(**answer));
      return std::get<Problem>(**answer);
    }
    OnFlip taker() const {
      return [answer = answer](FlipAnswer given) {
        REQUIRE_FALSE(answer->has_value());  // never answered twice
        *answer = std::move(given);
      };
    }
  };
  Pending begin_promote(FlipRequest r) {
    Pending pending;
    controller->promote(std::move(r), pending.taker());
    return pending;
  }
  Pending begin_rollback(FlipRequest r) {
    Pending pending;
    controller->rollback(std::move(r), pending.taker());
    return pending;
  }
  Pending finish(Pending pending) {
    run_until([&] { return pending.has(); });
    poll();  // what was answered is recorded and told on the next turn
    return pending;
  }
  Pending promote(FlipRequest r) { return finish(begin_promote(std::move(r))); }
  Pending promote(const std::string& to) { return promote(request(to)); }
  Pending rollback(FlipRequest r = request()) { return finish(begin_rollback(std::move(r))); }

  Color active() const { return plane->views.at("shop").active; }
  bool alarm(const std::string& code) const {
    for (const auto& alarm : board->alarms.standing())
      if (alarm.code == code) return true;
    return false;
  }
  std::vector<std::string> event_types() const {
    std::vector<std::string> types;
    for (const auto& event : events) types.push_back(event.type);
    return types;
  }
  const Told* last_event(const std::string& type) const {
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      if (event->type == type) return &*event;
    return nullptr;
  }
  std::size_t count_events(const std::string& type) const {
    std::size_t n = 0;
    for (const auto& event : events) n += event.type == type;
    return n;
  }

  std::shared_ptr<switchback::test::TempDir> dir;
  ControllerOptions options;
  config::Config config;
  std::string ledger_path;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>();
  std::vector<Told> events;
  std::unique_ptr<events::Events> board;  // of this life of the process
  std::unique_ptr<state::StateStore> store;
  std::unique_ptr<ledger::Ledger> book;
  std::unique_ptr<FakeDataPlane> plane;
  std::unique_ptr<Controller> controller;
};

}  // namespace switchback::release::test
