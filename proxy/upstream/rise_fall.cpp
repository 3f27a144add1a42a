#include "proxy/upstream/health_checker.hpp"

namespace switchback::upstream {

namespace {
bool is_down(Health health) {
  return health == Health::failing || health == Health::unreachable;
}
}  // namespace

Health RiseFall::record(Health current, bool passed, bool connected) {
  if (passed) {
    failures_ = 0;
    if (passes_ < rise_) ++passes_;
    const bool enough = passes_ >= rise_ || !has_passed_ || current == Health::unknown;
    has_passed_ = true;
    return enough ? Health::healthy : current;
  }
  passes_ = 0;
  if (failures_ < fall_) ++failures_;
  // What is down already is only told apart more exactly, which needs no counting.
  if (!is_down(current) && failures_ < fall_) return current;
  return connected ? Health::failing : Health::unreachable;
}

bool RiseFall::in_doubt(Health current) const {
  return is_down(current) ? passes_ > 0 : failures_ > 0;
}

}  // namespace switchback::upstream
