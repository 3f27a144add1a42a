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

TEST_CASE("the first result decides at once") {
  CHECK(Watched{}.pass() == Health::healthy);
  CHECK(Watched{}.fail() == Health::failing);
  CHECK(Watched{}.refuse() == Health::unreachable);
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
  w.refuse();
  CHECK(w.pass() == Health::unreachable);
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
