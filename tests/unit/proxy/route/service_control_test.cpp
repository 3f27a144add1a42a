#include "proxy/route/service_control.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using route::ActiveWord;
using route::ServiceControl;

TEST_CASE("the active word keeps its three parts apart") {
  for (const auto color : {Color::blue, Color::green}) {
    for (const bool paused : {false, true}) {
      for (const std::uint64_t epoch :
           {std::uint64_t{0}, std::uint64_t{1}, (std::uint64_t{1} << 62) - 1}) {
        ServiceControl control({color, paused, epoch});
        const auto word = control.load();
        CHECK(word.color == color);
        CHECK(word.paused == paused);
        CHECK(word.epoch == epoch);
      }
    }
  }
  ServiceControl control({});
  control.store({Color::green, true, 7});
  CHECK(control.load().epoch == 7);
  CHECK(control.load().color == Color::green);
  CHECK(control.load().paused);
  CHECK(alignof(ServiceControl) == 64);
}
