#include "proxy/upstream/health_checker.hpp"

namespace switchback::upstream {

Health RiseFall::record(Health current, bool passed, bool connected) {
  const Health down = connected ? Health::failing : Health::unreachable;
  if (first_) {
    first_ = false;
    passes_ = passed ? 1 : 0;
    failures_ = passed ? 0 : 1;
    return passed ? Health::healthy : down;
  }
  if (passed) {
    failures_ = 0;
    if (passes_ < rise_) ++passes_;
    return passes_ >= rise_ ? Health::healthy : current;
  }
  passes_ = 0;
  if (failures_ < fall_) ++failures_;
  // What is down already is only told apart more exactly, which needs no counting.
  const bool already_down = current == Health::failing || current == Health::unreachable;
  return already_down || failures_ >= fall_ ? down : current;
}

}  // namespace switchback::upstream
