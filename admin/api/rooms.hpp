// The rooms of the control plane that the API shows beside the controller. Each may be missing
// (null) while a part is not there, as in tests; its calls are then answered 503 `not_here`.
// Lifetime: as the controller, they outlive AdminServer::stop().
#pragma once

namespace switchback::releases {
class Releases;
class NullFlips;
}  // namespace switchback::releases

namespace switchback::verify {
class Verifier;
}  // namespace switchback::verify

namespace switchback::bake {
class Baker;
}  // namespace switchback::bake

namespace switchback::readiness {
class Keeper;
}  // namespace switchback::readiness

namespace switchback::notify {
class Notifier;
}  // namespace switchback::notify

namespace switchback::api {

struct Rooms {
  releases::Releases* releases = nullptr;
  releases::NullFlips* null_flips = nullptr;
  verify::Verifier* verifier = nullptr;
  bake::Baker* baker = nullptr;
  readiness::Keeper* readiness = nullptr;
  notify::Notifier* notifier = nullptr;
};

}  // namespace switchback::api
