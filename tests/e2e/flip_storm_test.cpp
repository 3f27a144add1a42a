// Flips back and forth under full load of every kind, over TLS and without, while servers are
// killed and certificates renewed: no failed request but what a killed server took along and nobody
// could repeat, none begun after the answer on the old color, and receipts that add up.
//
// SWITCHBACK_FLIPS says how many (`./dev test --long`: 1,000).
#include <algorithm>
#include <cstdlib>
#include <future>
#include <iostream>
#include <set>

#include "tests/e2e/storm_load.hpp"
#include "tests/e2e/storm_scene.hpp"

using namespace switchback::test;

namespace {

constexpr unsigned between_flips = 100;  // answers

unsigned wanted_flips() {
  const char* text = std::getenv("SWITCHBACK_FLIPS");
  return text ? static_cast<unsigned>(std::stoul(text)) : 100;
}

// `rough`: a server was killed meanwhile, and what it took along counts as failed.
void check_receipt(const boost::json::object& receipt, bool rough) {
  INFO(boost::json::serialize(receipt));
  CHECK(receipt.at("moved").as_bool());
  CHECK((receipt.at("durable").as_bool() || !receipt.at("warnings").as_array().empty()));
  for (const auto& warning : receipt.at("warnings").as_array()) {
    // A rollback waits 50 ms for the disk, which a busy machine may need longer for.
    CHECK((rough || warning.as_string().starts_with("not on disk when this was answered")));
  }
  for (const auto& [name, counts] : receipt.at("counts").as_object()) {
    const auto n = [&](const char* key) { return counts.as_object().at(key).to_number<long>(); };
    CHECK(n("accepted") == n("completed") + n("failed") + n("client_gone") + n("moved") +
                               n("forced") + n("in_flight"));
    if (!rough) CHECK(n("failed") == 0);
    if (name != "tunnel") CHECK(n("forced") == 0);  // tunnels are closed, which is what is tried
  }
}

class Rage {
 public:
  Rage() {
    storm.set_stage(color);
    storm.start();
    REQUIRE(storm.wait_for_answers(between_flips));
  }

  void flip(bool by_rollback = false) {
    color = other();
    storm.set_stage("");
    scene.flip("shop", color, by_rollback);
    scene.flip("brittle", color, by_rollback);
    storm.set_stage(color);
  }

  // A server dies in the middle of the flip, of the color that is left or of the one that comes.
  void flip_with_a_death(bool of_the_old) {
    const std::string victim = (of_the_old ? color : other()) + "-1";
    mark_rough();
    scene.casualties.open_window(victim);
    auto death = std::async(std::launch::async, [&] { scene.casualties.kill(victim); });
    flip();
    death.get();
    REQUIRE(storm.wait_for_answers(between_flips));
    scene.casualties.close_window(victim);
    mark_rough();
    bring_back(victim);
  }

  // What was drained is nobody's any more: its end harms nobody.
  void kill_the_drained() {
    REQUIRE(scene.wait_until_drained());
    const std::string victim = other() + "-1";
    scene.casualties.kill(victim);
    REQUIRE(storm.wait_for_answers(between_flips));
    bring_back(victim);
  }

  void step(unsigned i) {
    switch (i % 20) {
      case 4:
        return flip_with_a_death(true);
      case 9:
        return flip_with_a_death(false);
      case 13:
        flip();
        return kill_the_drained();
      case 17:
        scene.renew_certificate();
        return flip();
      default:  // where the last one was a promotion to green, undo it
        return flip(i % 3 == 2 && color == "green");
    }
  }

  // Flips that come faster than a drain's patience are turned round and close no tunnel, and after
  // that all tunnels may be where the next flip goes: so one to gather them, and one to close them.
  void flip_and_wait_for_closes() {
    flip();
    REQUIRE(scene.wait_until_drained());
    REQUIRE(until([&] { return scene.tunnels(color) > 0; }));
    const std::uint64_t closes = storm.closes();
    flip();
    CHECK(until([&] { return storm.closes() > closes; }));
  }

  bool rough(const std::string& flip) const { return rough_.count(flip) != 0; }

  StormScene scene;
  Doors doors{scene.addresses(), scene.authority.ca()};
  Storm storm{doors, scene.casualties};
  std::string color = "blue";

 private:
  std::string other() const { return color == "blue" ? "green" : "blue"; }
  // The newest flip, and those before it whose requests may still run: an upload of some MiB goes
  // on over several flips of both services.
  void mark_rough() {
    const auto& flips = scene.flips;
    for (std::size_t i = flips.size() - std::min<std::size_t>(flips.size(), 20); i < flips.size();
         ++i) {
      rough_.insert(flips[i]);
    }
  }
  void bring_back(const std::string& victim) {
    scene.casualties.revive(victim);
    REQUIRE(scene.wait_until_healthy());
  }
  std::set<std::string> rough_;
};

void check_history(const Rage& rage) {
  const auto history =
      admin_call(rage.scene.instance.socket(), "GET", "/v1/services/shop/flips?limit=1000").body;
  const auto& receipts = history.at("flips").as_array();
  CHECK(receipts.size() == std::min<std::size_t>(rage.scene.flips.size(), 1000));
  for (const auto& receipt : receipts) {
    const std::string flip(receipt.as_object().at("flip").as_string());
    check_receipt(receipt.as_object(), rage.rough(flip));
  }
}

}  // namespace

TEST_CASE("flip storm", "[storm]") {
  Rage rage;
  Storm& storm = rage.storm;
  const unsigned flips = wanted_flips();
  for (unsigned i = 0; i < flips; ++i) {
    rage.step(i);
    REQUIRE(storm.wait_for_answers(between_flips));
  }
  rage.flip_and_wait_for_closes();
  storm.stop();
  std::vector<double> ms = rage.scene.switched_ms;
  std::sort(ms.begin(), ms.end());
  std::cout << "flip storm: " << flips << " flips, " << storm.summary() << "; "
            << rage.scene.retried() << " retried; switched ms p50 " << ms[ms.size() / 2] << " p99 "
            << ms[ms.size() * 99 / 100] << " max " << ms.back() << std::endl;
  for (const std::string& complaint : storm.complaints()) UNSCOPED_INFO(complaint);
  CHECK(storm.failed() == 0);
  CHECK(storm.stale() == 0);
  CHECK(storm.messages() > 0);
  CHECK(storm.answers(Kind::big, Door::plain) > 0);
  CHECK(storm.answers(Kind::big, Door::tls) > 0);
  CHECK(storm.answers(Kind::websocket, Door::tls) > 0);
  CHECK(storm.answers(Kind::keep_alive, Door::proxy) > 0);
  CHECK(rage.doors.resumed() > 0);
  CHECK(rage.scene.retried() > 0);
  if (flips > 20) {
    CHECK(rage.doors.certificates() > 1);
    CHECK(rage.scene.casualties.kills() > 2);
  }
  REQUIRE(rage.scene.wait_until_drained());
  check_history(rage);
}
