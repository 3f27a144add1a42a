// One worker's gate, driven call by call; tests/sim drives several at random.
#include "proxy/drain/drain_gate.hpp"

#include <atomic>
#include <deque>
#include <thread>

#include "tests/support/catch.hpp"

namespace switchback::drain {
namespace {

using namespace std::chrono_literals;

constexpr Nanos second = 1'000'000'000;
constexpr auto blue = Color::blue;
constexpr auto green = Color::green;
constexpr auto request = TrafficClass::request;
constexpr auto stream = TrafficClass::stream;
constexpr auto tunnel = TrafficClass::tunnel;

struct Probe final : Ticket {
  explicit Probe(std::function<void(Probe&)> when_forced = {}) : on_force(std::move(when_forced)) {}
  void force_end() override {
    ++forces;
    if (on_force) on_force(*this);
  }
  std::function<void(Probe&)> on_force;
  int forces = 0;
};

struct Bench {
  std::vector<std::shared_ptr<SwitchRecord>> told;  // in the order of the Progress calls
  DrainGate gate{0, [this](const std::shared_ptr<SwitchRecord>& r) { told.push_back(r); }};
  config::Drain limits;  // 30 s, websocket 10 s, stream 30 s

  std::shared_ptr<SwitchRecord> flip(Color to, std::uint64_t epoch, Nanos now_ns) {
    auto record = std::make_shared<SwitchRecord>("shop", other(to), to, epoch, 1);
    gate.begin(record, limits, now_ns);
    return record;
  }
};

const ClassCounts& of(const Counts& counts, TrafficClass c) {
  return counts[static_cast<std::size_t>(c)];
}
std::uint64_t ended(const SwitchRecord& record, TrafficClass c, Outcome o) {
  return of(record.counts(), c).ended[static_cast<std::size_t>(o)];
}
std::uint64_t accepted(const SwitchRecord& record, TrafficClass c) {
  return of(record.counts(), c).accepted;
}

TEST_CASE("the gate counts what is in flight by color and class") {
  Bench b;
  Probe one, two, three;
  b.gate.enter(one, blue, 1);
  b.gate.enter(two, blue, 1);
  b.gate.enter(three, green, 1);
  CHECK(one.entered());
  CHECK(one.traffic_class() == request);
  CHECK(b.gate.in_flight(blue, request) == 2);
  CHECK(b.gate.in_flight(green, request) == 1);
  b.gate.reclassify(two, tunnel, 5);
  CHECK(b.gate.in_flight(blue, request) == 1);
  CHECK(b.gate.in_flight(blue, tunnel) == 1);
  b.gate.leave(one, Outcome::completed, 6);
  b.gate.leave(two, Outcome::failed, 6);
  b.gate.leave(three, Outcome::completed, 6);
  CHECK_FALSE(one.entered());
  for (const Color color : {blue, green}) {
    for (const TrafficClass c : {request, stream, tunnel}) CHECK(b.gate.in_flight(color, c) == 0);
  }
  CHECK(b.told.empty());
}

TEST_CASE("with nothing in flight a switch is drained at its barrier, told once") {
  Bench b;
  const auto record = b.flip(green, 2, 100);
  CHECK(record->switched_ns() == 100);
  CHECK(record->last_old_ns() == 100);
  CHECK(record->drained_ns() == 100);
  CHECK(b.told.size() == 1);
  CHECK_FALSE(b.gate.draining(blue));
  CHECK(b.gate.next_deadline_ns() == 0);
}

TEST_CASE("a cohort is what was in flight on the old color, and nothing else") {
  Bench b;
  Probe old_one, preview, early_new, late_new;
  b.gate.enter(old_one, blue, 1);
  b.gate.enter(preview, green, 1);
  b.gate.enter(early_new, green, 2);  // after the store, before the barrier
  const auto record = b.flip(green, 2, 100);
  CHECK(accepted(*record, request) == 1);
  CHECK(b.gate.draining(blue));
  CHECK_FALSE(b.gate.draining(green));
  b.gate.enter(late_new, green, 2);
  Probe preview_of_old;
  b.gate.enter(preview_of_old, blue, 2);
  b.gate.leave(preview, Outcome::completed, 110);
  b.gate.leave(early_new, Outcome::completed, 111);
  b.gate.leave(late_new, Outcome::completed, 112);
  CHECK_FALSE(record->drained());
  b.gate.leave(old_one, Outcome::completed, 113);
  CHECK(record->drained_ns() == 113);
  CHECK(record->last_old_ns() == 113);
  CHECK(ended(*record, request, Outcome::completed) == 1);
  CHECK_FALSE(b.gate.draining(blue));
  b.gate.leave(preview_of_old, Outcome::completed, 114);
  CHECK(ended(*record, request, Outcome::completed) == 1);
  CHECK(b.told.size() == 2);
}

TEST_CASE("last_old waits for requests only, drained for all classes") {
  Bench b;
  Probe short_one, socket;
  b.gate.enter(short_one, blue, 1);
  b.gate.enter(socket, blue, 1);
  b.gate.reclassify(socket, tunnel, 1);
  const auto record = b.flip(green, 2, 100);
  b.gate.leave(short_one, Outcome::client_gone, 120);
  CHECK(record->last_old_ns() == 120);
  CHECK_FALSE(record->drained());
  CHECK(b.told.size() == 2);
  b.gate.leave(socket, Outcome::completed, 130);
  CHECK(record->drained_ns() == 130);
  CHECK(b.told.size() == 3);
}

TEST_CASE("a request that becomes a stream during the drain is counted as a stream, retries too") {
  Bench b;
  Probe one;
  b.gate.enter(one, blue, 1);
  b.gate.retried(one);
  const auto record = b.flip(green, 2, 100);
  CHECK(of(record->counts(), request).retried == 1);
  b.gate.retried(one);
  CHECK(of(record->counts(), request).retried == 2);
  b.gate.reclassify(one, stream, 105);
  CHECK(accepted(*record, request) == 0);
  CHECK(accepted(*record, stream) == 1);
  CHECK(of(record->counts(), request).retried == 0);
  CHECK(of(record->counts(), stream).retried == 2);
  CHECK(record->last_old_ns() == 105);
  b.gate.leave(one, Outcome::completed, 106);
  CHECK(ended(*record, stream, Outcome::completed) == 1);
  CHECK(of(record->counts(), stream).in_flight() == 0);
  CHECK(record->drained());
}

TEST_CASE("each class has its deadline, and nobody is ended before it") {
  Bench b;
  b.limits = {.timeout = 3s, .websocket = 1s, .stream = 5s};
  Probe one, two, three;
  const auto end = [&](Probe& p) { b.gate.leave(p, Outcome::failed, 0); };
  one.on_force = two.on_force = three.on_force = end;
  b.gate.enter(one, blue, 1);
  b.gate.enter(two, blue, 1);
  b.gate.enter(three, blue, 1);
  b.gate.reclassify(two, stream, 0);
  b.gate.reclassify(three, tunnel, 0);
  const auto record = b.flip(green, 2, second);
  CHECK(b.gate.next_deadline_ns() == 2 * second);
  b.gate.enforce(2 * second - 1);
  CHECK(three.forces == 0);
  b.gate.enforce(2 * second);
  CHECK(three.forces == 1);
  CHECK(b.gate.next_deadline_ns() == 4 * second);
  b.gate.enforce(4 * second);
  CHECK(one.forces == 1);
  CHECK(two.forces == 0);
  CHECK(b.gate.next_deadline_ns() == 6 * second);
  b.gate.enforce(9 * second);
  CHECK(two.forces == 1);
  CHECK(b.gate.next_deadline_ns() == 0);
  CHECK(record->drained());
  for (const TrafficClass c : {request, stream, tunnel}) {
    CHECK(ended(*record, c, Outcome::forced) == 1);  // whatever the exchange said
  }
}

TEST_CASE("a limit of nothing is no deadline") {
  Bench b;
  b.limits = {.timeout = 0s, .websocket = 0s, .stream = 0s};
  Probe one, two;
  b.gate.enter(one, blue, 1);
  b.gate.enter(two, blue, 1);
  b.gate.reclassify(two, tunnel, 0);
  b.flip(green, 2, second);
  CHECK(b.gate.next_deadline_ns() == 0);
  b.gate.enforce(std::numeric_limits<Nanos>::max());
  CHECK(one.forces + two.forces == 0);
  b.gate.reclassify(one, stream, second);
  CHECK(b.gate.next_deadline_ns() == 0);
  b.gate.leave(one, Outcome::completed, 0);
  b.gate.leave(two, Outcome::completed, 0);
}

TEST_CASE("tunnels are ended one after the other, evenly, in the order they came") {
  Bench b;
  b.limits.websocket = 10s;
  std::deque<Probe> probes(5);
  std::vector<const Probe*> order;
  for (Probe& p : probes) {
    p.on_force = [&](Probe& forced) {
      order.push_back(&forced);
      b.gate.leave(forced, Outcome::forced, 0);
    };
    b.gate.enter(p, blue, 1);
  }
  for (Probe& p : probes) b.gate.reclassify(p, tunnel, 0);
  b.flip(green, 2, second);
  const Nanos expected[] = {11 * second, 13 * second + second / 2, 16 * second,
                            18 * second + second / 2, 21 * second};
  for (std::size_t i = 0; i < probes.size(); ++i) {
    CHECK(b.gate.next_deadline_ns() == expected[i]);
    b.gate.enforce(expected[i] - 1);
    CHECK(order.size() == i);
    b.gate.enforce(expected[i]);
    REQUIRE(order.size() == i + 1);
    CHECK(order[i] == &probes[i]);
  }
}

TEST_CASE("a change of class during a drain sets the deadline anew, from the drain's begin") {
  Bench b;
  b.limits = {.timeout = 30s, .websocket = 10s, .stream = 60s};
  Probe to_stream, to_tunnel;
  b.gate.enter(to_stream, blue, 1);
  b.gate.enter(to_tunnel, blue, 1);
  const Nanos begun = 100 * second;
  b.flip(green, 2, begun);
  CHECK(b.gate.next_deadline_ns() == begun + 30 * second);
  b.gate.reclassify(to_stream, stream, begun + 5 * second);
  b.gate.reclassify(to_tunnel, tunnel, begun + 25 * second);
  const Nanos next = b.gate.next_deadline_ns();
  CHECK(next >= begun + 10 * second);
  CHECK(next <= begun + 20 * second);
  b.gate.enforce(begun + 25 * second);
  CHECK(to_tunnel.forces == 1);
  CHECK(b.gate.next_deadline_ns() == begun + 60 * second);
  b.gate.leave(to_tunnel, Outcome::forced, 0);
  b.gate.leave(to_stream, Outcome::completed, 0);
}

TEST_CASE("a forced ticket is forced once, and completing after all is completing") {
  Bench b;
  Probe slow, finishes;
  b.gate.enter(slow, blue, 1);
  b.gate.enter(finishes, blue, 1);
  const auto record = b.flip(green, 2, second);
  b.gate.enforce(40 * second);
  b.gate.enforce(41 * second);
  CHECK(slow.forced());
  b.gate.reclassify(slow, stream, 42 * second);  // no new deadline
  b.gate.enforce(500 * second);
  CHECK(slow.forces == 1);
  CHECK(finishes.forces == 1);
  CHECK(b.gate.next_deadline_ns() == 0);
  b.gate.leave(finishes, Outcome::completed, 43 * second);
  b.gate.leave(slow, Outcome::client_gone, 44 * second);
  CHECK(ended(*record, request, Outcome::completed) == 1);
  CHECK(ended(*record, stream, Outcome::forced) == 1);
  CHECK(record->drained_ns() == 44 * second);
}

TEST_CASE("force_end may end other tickets at once") {
  Bench b;
  std::deque<Probe> probes(4);
  const auto end_all = [&](Probe&) {
    for (Probe& p : probes) {
      if (p.entered()) b.gate.leave(p, Outcome::failed, 50 * second);
    }
  };
  for (Probe& p : probes) {
    p.on_force = end_all;
    b.gate.enter(p, blue, 1);
  }
  const auto record = b.flip(green, 2, second);
  b.gate.enforce(50 * second);
  CHECK(probes[0].forces == 1);
  CHECK(probes[1].forces + probes[2].forces + probes[3].forces == 0);
  CHECK(ended(*record, request, Outcome::forced) == 1);
  CHECK(ended(*record, request, Outcome::failed) == 3);
  CHECK(accepted(*record, request) == 4);
  CHECK(record->drained());
}

TEST_CASE("a switch back turns the drain round: no deadlines, but counted to the end") {
  Bench b;
  Probe old_blue, on_green;
  b.gate.enter(old_blue, blue, 1);
  const auto there = b.flip(green, 2, second);
  b.gate.enter(on_green, green, 2);
  const auto back = b.flip(blue, 3, 2 * second);
  CHECK_FALSE(b.gate.draining(blue));
  CHECK(b.gate.draining(green));
  CHECK(b.gate.next_deadline_ns() == 32 * second);  // green's
  b.gate.enforce(500 * second);
  CHECK(old_blue.forces == 0);
  CHECK(on_green.forces == 1);
  b.gate.reclassify(old_blue, stream, 0);  // brings no deadline either
  CHECK(b.gate.next_deadline_ns() == 0);
  b.gate.leave(on_green, Outcome::forced, 501 * second);
  CHECK(back->drained());
  CHECK_FALSE(there->drained());
  b.gate.leave(old_blue, Outcome::completed, 502 * second);
  CHECK(there->drained_ns() == 502 * second);
  CHECK(ended(*there, stream, Outcome::completed) == 1);
  CHECK(ended(*back, request, Outcome::forced) == 1);
}

TEST_CASE("a request that outlives three switches is in each cohort of its color") {
  Bench b;
  Probe old_blue, newer_blue;
  b.gate.enter(old_blue, blue, 1);
  const auto first = b.flip(green, 2, 10 * second);
  b.flip(blue, 3, 20 * second);
  b.gate.enter(newer_blue, blue, 3);
  const auto third = b.flip(green, 4, 30 * second);
  CHECK(accepted(*first, request) == 1);
  CHECK(accepted(*third, request) == 2);
  CHECK(b.gate.draining(blue));
  CHECK(b.gate.next_deadline_ns() == 60 * second);  // fresh, not the first switch's 40
  b.told.clear();
  b.gate.leave(old_blue, Outcome::completed, 31 * second);
  CHECK(first->drained());
  CHECK_FALSE(third->drained());
  CHECK(b.told == std::vector{first});
  b.gate.leave(newer_blue, Outcome::failed, 32 * second);
  CHECK(third->drained());
  CHECK(ended(*third, request, Outcome::completed) == 1);
  CHECK(ended(*third, request, Outcome::failed) == 1);
}

TEST_CASE("one end that closes two drains tells the older first, each once") {
  Bench b;
  Probe old_blue;
  b.gate.enter(old_blue, blue, 1);
  const auto first = b.flip(green, 2, 10);
  b.flip(blue, 3, 20);
  const auto third = b.flip(green, 4, 30);
  b.told.clear();
  b.gate.leave(old_blue, Outcome::completed, 40);
  CHECK(b.told == std::vector{first, third});
}

TEST_CASE("a ticket being ended when its color is drained again is counted, not ended again") {
  Bench b;
  Probe stuck;
  b.gate.enter(stuck, blue, 1);
  b.flip(green, 2, second);
  b.gate.enforce(100 * second);
  b.flip(blue, 3, 110 * second);
  const auto again = b.flip(green, 4, 120 * second);
  CHECK(accepted(*again, request) == 1);
  b.gate.enforce(1000 * second);
  CHECK(stuck.forces == 1);
  b.gate.leave(stuck, Outcome::failed, 1001 * second);
  CHECK(ended(*again, request, Outcome::forced) == 1);
  CHECK(again->drained());
}

TEST_CASE("a barrier that comes after a later one counts and nothing more") {
  Bench b;
  Probe old_blue;
  b.gate.enter(old_blue, blue, 1);
  b.flip(blue, 3, 20);
  const auto late = b.flip(green, 2, 30);
  CHECK(accepted(*late, request) == 1);
  CHECK_FALSE(b.gate.draining(blue));
  CHECK(b.gate.next_deadline_ns() == 0);
  b.gate.leave(old_blue, Outcome::completed, 40);
  CHECK(late->drained());
}

TEST_CASE("more open drains than max_open: the oldest is closed with what is left in flight") {
  Bench b;
  Probe old_blue;
  b.gate.enter(old_blue, blue, 1);
  std::vector<std::shared_ptr<SwitchRecord>> from_blue;
  std::uint64_t epoch = 2;
  for (std::size_t i = 0; i <= DrainGate::max_open; ++i) {
    from_blue.push_back(b.flip(green, epoch++, 10));
    b.flip(blue, epoch++, 10);
  }
  CHECK(b.gate.closed_early() == 1);  // switches that had nothing to drain close nobody
  b.gate.leave(old_blue, Outcome::completed, 20);
  CHECK_FALSE(from_blue[0]->drained());
  CHECK(of(from_blue[0]->counts(), request).in_flight() == 1);
  CHECK(from_blue[1]->drained());
  CHECK(from_blue.back()->drained());
}

TEST_CASE("first_new is the first response of the switch's own epoch") {
  Bench b;
  Probe old_blue, new_green;
  b.gate.enter(old_blue, blue, 1);
  const auto record = b.flip(green, 2, 100);
  b.gate.first_response(1, 110);
  CHECK(record->first_new_ns() == 0);
  b.gate.enter(new_green, green, 2);
  b.told.clear();
  b.gate.first_response(2, 120);
  b.gate.first_response(2, 130);
  CHECK(record->first_new_ns() == 120);
  CHECK(b.told == std::vector{record});
  b.gate.leave(old_blue, Outcome::completed, 140);
  b.gate.leave(new_green, Outcome::completed, 140);
}

TEST_CASE("a response between the store and the barrier is the first new one") {
  Bench b;
  Probe early;
  b.gate.enter(early, green, 2);
  b.gate.first_response(2, 90);
  const auto record = b.flip(green, 2, 100);
  CHECK(record->first_new_ns() == 90);
  b.gate.first_response(2, 110);
  CHECK(record->first_new_ns() == 90);
  b.gate.leave(early, Outcome::completed, 120);
}

TEST_CASE("an overtaken switch gets its own first response, not the one of the switch after it") {
  Bench b;
  Probe on_green;
  const auto there = b.flip(green, 2, 100);
  b.gate.enter(on_green, green, 2);
  const auto back = b.flip(blue, 3, 110);
  b.gate.first_response(3, 120);
  CHECK(there->first_new_ns() == 0);
  CHECK(back->first_new_ns() == 120);
  SECTION("which may still come") {
    b.gate.first_response(2, 130);
    CHECK(there->first_new_ns() == 130);
    b.gate.leave(on_green, Outcome::completed, 140);
  }
  SECTION("or never, once nothing of its epoch is left") {
    b.gate.leave(on_green, Outcome::failed, 130);
    CHECK(back->drained());
    b.gate.first_response(2, 140);  // cannot happen; shows that nobody waits any more
    CHECK(there->first_new_ns() == 0);
  }
}

TEST_CASE("progress is told when everything is settled, and may use the gate") {
  std::vector<std::shared_ptr<SwitchRecord>> told;
  DrainGate* self = nullptr;
  Probe entered_by_progress;
  DrainGate gate{0, [&](const std::shared_ptr<SwitchRecord>& record) {
                   told.push_back(record);
                   if (!record->drained()) return;
                   CHECK_FALSE(self->draining(blue));
                   CHECK(self->in_flight(blue, request) == 0);
                   if (record->epoch == 2) {
                     self->enter(entered_by_progress, green, 2);
                     self->begin(std::make_shared<SwitchRecord>("shop", green, blue, 3, 1), {}, 60);
                   }
                 }};
  self = &gate;
  Probe one;
  gate.enter(one, blue, 1);
  gate.begin(std::make_shared<SwitchRecord>("shop", blue, green, 2, 1), {}, 50);
  gate.leave(one, Outcome::completed, 55);
  REQUIRE(told.size() == 3);
  CHECK(told[2]->epoch == 3);
  CHECK(gate.draining(green));
  gate.leave(entered_by_progress, Outcome::completed, 61);
  CHECK(told.back()->drained());
}

// Under ThreadSanitizer this also shows that everything a reader touches is atomic.
TEST_CASE("a reader on another thread never sees more ends than requests") {
  Bench b;
  b.limits = {.timeout = 0s, .websocket = 0s, .stream = 0s};
  std::deque<Probe> probes(2000);
  for (Probe& p : probes) b.gate.enter(p, blue, 1);
  const auto record = b.flip(green, 2, 100);
  std::atomic<bool> wrong{false};
  std::thread reader([&] {
    while (!record->drained()) {
      std::uint64_t accepted_in_all = 0;
      for (const ClassCounts& counts : record->counts()) {
        std::uint64_t ends = 0;
        for (const std::uint64_t n : counts.ended) ends += n;
        if (ends > counts.accepted) wrong = true;
        accepted_in_all += counts.accepted;
      }
      if (accepted_in_all < probes.size()) wrong = true;
      if (b.gate.in_flight(blue, stream) > probes.size()) wrong = true;
    }
  });
  for (Probe& p : probes) {
    b.gate.reclassify(p, stream, 110);
    b.gate.leave(p, Outcome::completed, 120);
  }
  reader.join();
  CHECK_FALSE(wrong);
  CHECK(ended(*record, stream, Outcome::completed) == probes.size());
}

TEST_CASE("only the worker's own shard is written") {
  DrainGate gate{1, [](const std::shared_ptr<SwitchRecord>&) {}};
  const auto record = std::make_shared<SwitchRecord>("shop", blue, green, 2, 2);
  gate.begin(record, {}, 50);
  CHECK(record->lagging() == std::vector<unsigned>{0});
  CHECK(record->shards[1].drained_ns == 50);
  CHECK_FALSE(record->drained());
}

}  // namespace
}  // namespace switchback::drain
