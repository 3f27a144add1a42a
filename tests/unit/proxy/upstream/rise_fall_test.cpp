#include "proxy/upstream/health_checker.hpp"
#include "tests/support/catch.hpp"

using switchback::upstream::Health;
using switchback::upstream::RiseFall;

namespace {

struct Watched {
  RiseFall rise_fall{2, 3};
  Health health = Health::unknown;
  Health pass() { return health = rise_fall.record(health, true, true); }
  Health fail() { return health = rise_fall.record(health, false, true); }
  Health refuse() { return health = rise_fall.record(health, false, false); }
};

}  // namespace

TEST_CASE("the first pass brings a server in, the first failures do not take it out") {
  CHECK(Watched{}.pass() == Health::healthy);
  Watched w;
  CHECK(w.fail() == Health::unknown);
  CHECK(w.rise_fall.in_doubt(w.health));
  CHECK(w.refuse() == Health::unknown);
  CHECK(w.pass() == Health::healthy);
  CHECK_FALSE(w.rise_fall.in_doubt(w.health));
}

TEST_CASE("one that never passed is out after `fall` failures, and in with its first pass") {
  Watched w;
  w.refuse();
  w.refuse();
  CHECK(w.refuse() == Health::unreachable);
  CHECK_FALSE(w.rise_fall.has_passed());
  CHECK(w.fail() == Health::failing);
  CHECK(w.pass() == Health::healthy);
}

TEST_CASE("a healthy server falls after `fall` bad results in a row, of either kind") {
  Watched w;
  w.pass();
  CHECK(w.fail() == Health::healthy);
  CHECK(w.refuse() == Health::healthy);
  CHECK(w.pass() == Health::healthy);  // begins anew
  CHECK(w.refuse() == Health::healthy);
  CHECK(w.refuse() == Health::healthy);
  CHECK(w.refuse() == Health::unreachable);
}

TEST_CASE("a server that is down rises after `rise` passes in a row") {
  Watched w;
  w.pass();
  w.refuse();
  w.refuse();
  w.refuse();
  CHECK(w.pass() == Health::unreachable);
  CHECK(w.rise_fall.in_doubt(w.health));
  CHECK(w.fail() == Health::failing);  // down already: only told apart
  CHECK(w.pass() == Health::failing);
  CHECK(w.pass() == Health::healthy);
}

TEST_CASE("new thresholds apply from the next result") {
  Watched w;
  w.pass();
  w.fail();
  w.rise_fall.set_thresholds(1, 2);
  CHECK(w.fail() == Health::failing);
  CHECK(w.pass() == Health::healthy);
}
