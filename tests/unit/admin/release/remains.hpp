// The state and run folders of a World as they are at one instant, for another life to start from.
#pragma once

#include "tests/unit/admin/release/controller_world.hpp"

namespace switchback::release::test {

// What a kill at this instant would leave (with run_dir), or the loss of power (without).
struct Remains {
  explicit Remains(const World& w, bool with_run_dir = true) {
    std::filesystem::create_directories(dir / "state/slots");
    std::filesystem::copy(*w.dir / "state/id", dir / "state/id");
    std::filesystem::copy(*w.dir / "state/slots", dir / "state/slots",
                          std::filesystem::copy_options::recursive);
    if (with_run_dir)
      std::filesystem::copy(*w.dir / "run", dir / "run", std::filesystem::copy_options::recursive);
  }
  worker::ServiceSeed seed() {
    return state::StateStore::open(dir / "state", dir / "run")->seeds(config_of({"shop"})).at(0);
  }
  switchback::test::TempDir dir;
};

}  // namespace switchback::release::test
