// What a switch record says, from shards written by hand.
#include "proxy/drain/switch_record.hpp"

#include "tests/support/catch.hpp"

namespace switchback::drain {
namespace {

SwitchRecord two_workers() {
  return {"shop", Color::blue, Color::green, 2, 2};
}

TEST_CASE("a switch is done when every worker has passed its barrier") {
  SwitchRecord record = two_workers();
  CHECK_FALSE(record.switched());
  CHECK(record.lagging() == std::vector<unsigned>{0, 1});
  record.shards[1].barrier_ns = 50;
  CHECK_FALSE(record.switched());
  CHECK(record.switched_ns() == 0);
  CHECK(record.lagging() == std::vector<unsigned>{0});
  record.shards[0].barrier_ns = 40;
  CHECK(record.switched());
  CHECK(record.switched_ns() == 50);
  CHECK(record.lagging().empty());
}

TEST_CASE("first_new is the earliest of any worker, the other stages the latest of all") {
  SwitchRecord record = two_workers();
  CHECK(record.first_new_ns() == 0);
  record.shards[1].first_new_ns = 70;
  CHECK(record.first_new_ns() == 70);
  record.shards[0].first_new_ns = 60;
  CHECK(record.first_new_ns() == 60);

  record.shards[0].last_old_ns = 90;
  CHECK(record.last_old_ns() == 0);
  record.shards[1].last_old_ns = 80;
  CHECK(record.last_old_ns() == 90);

  record.shards[0].drained_ns = 91;
  CHECK_FALSE(record.drained());
  CHECK(record.drained_ns() == 0);
  record.shards[1].drained_ns = 95;
  CHECK(record.drained());
  CHECK(record.drained_ns() == 95);
}

TEST_CASE("counts are the sums of the shards, and in_flight what is left") {
  SwitchRecord record = two_workers();
  const auto stream = static_cast<std::size_t>(TrafficClass::stream);
  const auto gone = static_cast<std::size_t>(Outcome::client_gone);
  const auto completed = static_cast<std::size_t>(Outcome::completed);
  record.shards[0].accepted[stream] = 5;
  record.shards[1].accepted[stream] = 7;
  record.shards[0].ended[stream][gone] = 2;
  record.shards[1].ended[stream][completed] = 3;
  record.shards[1].retried[stream] = 4;
  const Counts counts = record.counts();
  CHECK(counts[stream].accepted == 12);
  CHECK(counts[stream].ended[gone] == 2);
  CHECK(counts[stream].ended[completed] == 3);
  CHECK(counts[stream].retried == 4);
  CHECK(counts[stream].in_flight() == 7);
  CHECK(counts[0].accepted == 0);
}

TEST_CASE("in_flight never goes below nothing while a reader races the writer") {
  ClassCounts counts;
  counts.accepted = 1;
  counts.ended[0] = 2;
  CHECK(counts.in_flight() == 0);
}

TEST_CASE("classes and outcomes have the names of the receipt") {
  CHECK(to_string(TrafficClass::request) == "request");
  CHECK(to_string(TrafficClass::stream) == "stream");
  CHECK(to_string(TrafficClass::tunnel) == "tunnel");
  CHECK(to_string(Outcome::completed) == "completed");
  CHECK(to_string(Outcome::failed) == "failed");
  CHECK(to_string(Outcome::client_gone) == "client_gone");
  CHECK(to_string(Outcome::moved) == "moved");
  CHECK(to_string(Outcome::forced) == "forced");
}

}  // namespace
}  // namespace switchback::drain
