#include "proxy/upstream/dialer.hpp"

namespace switchback::upstream {

Connection& Dialer::make() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Connection>(*this));
    return *all_.back();
  }
  Connection* connection = free_.back();
  free_.pop_back();
  return *connection;
}

void Dialer::recycle(Connection& connection) {
  dead_.push_back(&connection);
  reactor_.defer(*this);
}

void Dialer::on_deferred() {
  free_.insert(free_.end(), dead_.begin(), dead_.end());
  dead_.clear();
}

}  // namespace switchback::upstream
