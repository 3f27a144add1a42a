#include "tests/sim/world.hpp"

#include <algorithm>

namespace switchback::sim {

using drain::Outcome;
using drain::SwitchRecord;
using drain::TrafficClass;

namespace {

constexpr Nanos millisecond = 1'000'000;

config::Duration any_limit(Random& random) {
  constexpr std::int64_t choices[] = {0, 1, 20, 200, 3000};
  return config::Duration(choices[random.below(5)]);
}

}  // namespace

// Stands for an exchange: the gate's ticket and the oracle's life of it side by side.
struct World::Request final : drain::Ticket {
  Request(World& w, Worker& on) : world(w), worker(on) {}
  void force_end() override { world.force(*this); }

  World& world;
  Worker& worker;
  unsigned id = 0;
  bool preview = false;
  bool endless = false;  // ends only when it is ended
  OnForce on_force = OnForce::leaves_at_once;
  Life* life = nullptr;
};

World::Worker::Worker(unsigned n)
    : number(n), oracle(n), gate(n, [this](const std::shared_ptr<SwitchRecord>& record) {
        if (!watched) return;
        oracle.told(*record);
        oracle.check(gate);  // nothing may be half done when progress is told
      }) {}

World::World(std::uint64_t seed, bool trace)
    : random_(seed),
      trace_(trace),
      control_({random_.chance(50) ? Color::blue : Color::green, false, 1}) {
  const std::uint64_t count = 1 + random_.below(4);
  for (unsigned n = 0; n < count; ++n) workers_.push_back(std::make_unique<Worker>(n));
  limits_ = {any_limit(random_), any_limit(random_), any_limit(random_)};
  inbox_in_order_ = !random_.chance(20);
  if (random_.chance(5)) flip_percent_ = 40;  // a storm: more drains open than are followed
}

// A run that broke off leaves requests in their gates, which the gates would not forgive.
World::~World() {
  for (auto& worker : workers_) {
    worker->watched = false;
    for (auto& request : worker->requests) {
      if (request->entered()) worker->gate.leave(*request, Outcome::failed, now_ns_);
    }
  }
}

void World::run() {
  const std::uint64_t steps = 50 + random_.below(350);
  for (std::uint64_t i = 0; i < steps; ++i) step();
  finale();
}

void World::step() {
  Worker& worker = any_worker();
  const std::uint64_t dice = random_.below(100);
  if (dice < flip_percent_) {
    flip();
  } else if (dice < 50) {
    if (random_.chance(60))
      arrive(worker);
    else
      finish(worker);
  } else if (dice < 60) {
    pass_barrier(worker);
  } else if (dice < 68) {
    change_class(worker);
  } else if (dice < 75) {
    retry(worker);
  } else if (dice < 83) {
    respond(worker);
  } else if (dice < 88) {
    enforce(worker);
  } else if (dice < 97) {
    pass_time();
  } else {
    open_the_door();
  }
  after(worker);
}

// The invariants that hold between any two steps.
void World::after(Worker& worker) {
  worker.oracle.check(worker.gate);
  worker.oracle.check_told();
  worker.ended.clear();
  for (const auto& record : records_) {
    if (record->epoch <= answered_epoch_ || !record->switched()) continue;
    answered_epoch_ = record->epoch;
    say("answered: switch ", record->epoch);
  }
}

World::Request* World::any_request(Worker& worker) {
  if (worker.requests.empty()) return nullptr;
  return worker.requests[random_.below(worker.requests.size())].get();
}

void World::arrive(Worker& worker) {
  if (worker.requests.size() >= 24) return;
  const bool preview = random_.chance(10);
  if (control_.load().paused && !preview) {
    ++worker.at_the_door;
    return;
  }
  admit(worker, preview);
}

void World::admit(Worker& worker, bool preview) {
  auto request = std::make_unique<Request>(*this, worker);
  request->id = next_id_++;
  request->preview = preview;
  request->endless = random_.chance(15);
  request->on_force = static_cast<OnForce>(random_.below(3));
  worker.requests.push_back(std::move(request));
  enter(*worker.requests.back());
}

// The color is chosen and the gate entered in one turn: what the contract asks of a worker.
void World::enter(Request& request) {
  const route::ActiveWord word = control_.load();
  const Color color = request.preview ? other(word.color) : word.color;
  require(request.preview || word.epoch >= answered_epoch_,
          "a request began on the old color after the answer");
  ++totals_.requests;
  request.life = request.worker.oracle.enter(color, word.epoch);
  request.worker.gate.enter(request, color, word.epoch);
  say("worker ", request.worker.number, ": request ", request.id, " enters ", to_string(color), " ",
      word.epoch);
}

void World::respond(Worker& worker) {
  Request* request = any_request(worker);
  if (request == nullptr || request->preview) return;
  say("request ", request->id, " is answered");
  worker.oracle.response(request->epoch(), now_ns_);
  worker.gate.first_response(request->epoch(), now_ns_);
}

void World::change_class(Worker& worker) {
  Request* request = any_request(worker);
  if (request == nullptr || request->traffic_class() != TrafficClass::request) return;
  const TrafficClass to = random_.chance(50) ? TrafficClass::stream : TrafficClass::tunnel;
  say("request ", request->id, " becomes a ", to_string(to));
  worker.oracle.reclassify(*request->life, to, now_ns_);
  worker.gate.reclassify(*request, to, now_ns_);
}

// An attempt failed: the next goes to the color that is active now.
void World::retry(Worker& worker) {
  Request* request = any_request(worker);
  if (request == nullptr || request->traffic_class() != TrafficClass::request) return;
  if (!request->preview && control_.load().color != request->color()) {
    say("request ", request->id, " moves");
    ++totals_.moved;
    worker.oracle.leave(*request->life, Outcome::moved, now_ns_);
    worker.gate.leave(*request, Outcome::moved, now_ns_);
    enter(*request);
  }
  worker.oracle.retried(*request->life);
  worker.gate.retried(*request);
}

void World::finish(Worker& worker) {
  Request* request = any_request(worker);
  if (request == nullptr || (request->endless && !request->forced())) return;
  constexpr Outcome outcomes[] = {Outcome::completed, Outcome::completed, Outcome::failed,
                                  Outcome::client_gone};
  leave(*request, outcomes[random_.below(4)]);
}

void World::leave(Request& request, Outcome outcome) {
  Worker& worker = request.worker;
  say("request ", request.id, " ends: ", to_string(outcome));
  const auto at = std::find_if(worker.requests.begin(), worker.requests.end(),
                               [&](const auto& r) { return r.get() == &request; });
  worker.ended.push_back(std::move(*at));
  worker.requests.erase(at);
  worker.oracle.leave(*request.life, outcome, now_ns_);
  worker.gate.leave(request, outcome, now_ns_);
}

void World::force(Request& request) {
  say("request ", request.id, " is forced");
  ++totals_.forced;
  Worker& worker = request.worker;
  worker.oracle.forced(*request.life, now_ns_);
  if (request.on_force == OnForce::leaves_later) return;
  if (request.on_force == OnForce::takes_another_along) {
    Request* another = any_request(worker);
    if (another != &request) leave(*another, Outcome::failed);
    if (random_.chance(30)) admit(worker, false);
  }
  leave(request, Outcome::forced);
}

// One store, then a message to each worker.
void World::flip() {
  const route::ActiveWord old = control_.load();
  const bool paused = random_.chance(10) ? !old.paused : old.paused;
  const std::uint64_t epoch = old.epoch + 1 + random_.below(2);
  auto record = std::make_shared<SwitchRecord>("shop", old.color, other(old.color), epoch,
                                               static_cast<unsigned>(workers_.size()));
  say("flip to ", to_string(record->to), ", epoch ", epoch);
  ++totals_.flips;
  if (!records_.empty() && !records_.back()->drained()) ++totals_.overtaking_flips;
  records_.push_back(record);
  if (random_.chance(10)) limits_ = {any_limit(random_), any_limit(random_), any_limit(random_)};
  control_.store({record->to, paused, epoch});
  for (auto& worker : workers_) {
    worker->inbox.push_back({record, limits_});
    if (!inbox_in_order_ && random_.chance(30)) {
      std::swap(worker->inbox.back(), worker->inbox[random_.below(worker->inbox.size())]);
    }
  }
}

void World::pass_barrier(Worker& worker) {
  if (worker.inbox.empty()) return;
  const Message message = worker.inbox.front();
  worker.inbox.pop_front();
  say("worker ", worker.number, " passes barrier ", message.record->epoch);
  worker.oracle.barrier(message.record, message.limits, now_ns_);
  worker.gate.begin(message.record, message.limits, now_ns_);
  const std::vector<unsigned> lagging = message.record->lagging();
  require(std::find(lagging.begin(), lagging.end(), worker.number) == lagging.end(),
          "a worker that has passed is named as lagging");
  require(message.record->switched() == lagging.empty(), "switched() and lagging() disagree");
}

void World::enforce(Worker& worker) {
  worker.gate.enforce(now_ns_);
  worker.oracle.enforced(now_ns_);
}

void World::pass_time() {
  constexpr Nanos jumps[] = {1'000, millisecond, 10 * millisecond, 300 * millisecond,
                             5000 * millisecond};
  const Nanos next = any_worker().gate.next_deadline_ns();
  if (next > now_ns_ && random_.chance(50)) {
    now_ns_ = random_.chance(50) ? next : next - 1;
  } else {
    now_ns_ +=
        1 + static_cast<Nanos>(random_.below(static_cast<std::uint64_t>(jumps[random_.below(5)])));
  }
}

void World::open_the_door() {
  route::ActiveWord word = control_.load();
  word.paused = !word.paused && random_.chance(30);
  control_.store(word);
  if (word.paused) return;
  for (auto& worker : workers_) {
    for (; worker->at_the_door > 0; --worker->at_the_door) admit(*worker, false);
  }
}

// No more requests: messages arrive, deadlines pass, the rest ends. Everything must drain.
void World::finale() {
  const bool endless_limits =
      limits_.timeout.count() == 0 || limits_.stream.count() == 0 || limits_.websocket.count() == 0;
  for (auto& worker : workers_) {
    while (!worker->inbox.empty()) pass_barrier(*worker);
    while (worker->gate.next_deadline_ns() != 0) {
      now_ns_ = std::max(now_ns_, worker->gate.next_deadline_ns());
      enforce(*worker);
    }
    require(!worker->oracle.anybody_due(), "somebody with a deadline was never ended");
    for (std::size_t i = worker->requests.size(); i-- > 0;) {
      if (i < worker->requests.size() && worker->requests[i]->forced()) {
        leave(*worker->requests[i], Outcome::failed);
      }
    }
    const bool newest_is_limited = !records_.empty() && !endless_limits;
    require(!newest_is_limited || worker->oracle.newest_drained(),
            "the newest drain is not done though its deadlines have passed");
    after(*worker);
  }
  for (auto& worker : workers_) {
    now_ns_ += millisecond;
    while (!worker->requests.empty()) leave(*worker->requests.back(), Outcome::completed);
    after(*worker);
    worker->oracle.check_ended();
    totals_.closed_early += worker->oracle.closed_early();
  }
  for (const auto& record : records_) {
    require(record->switched(), "a switch was never answered for");
    require(record->drained() || totals_.closed_early > 0, "a switch never drained");
    require(record->drained_ns() == 0 || record->last_old_ns() <= record->drained_ns(),
            "a switch drained before its last old request ended");
  }
}

}  // namespace switchback::sim
