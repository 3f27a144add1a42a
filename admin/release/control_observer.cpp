#include "admin/release/control_observer.hpp"

#include <boost/asio/post.hpp>

namespace switchback::release {

void ControlObserver::switch_progressed(const std::shared_ptr<drain::SwitchRecord>& record) {
  boost::asio::post(io_, [self = shared_from_this(), record] {
    if (self->target_) self->target_->on_switch_progress(record);
  });
}

void ControlObserver::health_changed(const upstream::HealthChange& change) {
  boost::asio::post(io_, [self = shared_from_this(), change] {
    if (self->target_) self->target_->on_health_change(change);
  });
}

void ControlObserver::panic_changed(const upstream::PanicChange& change) {
  boost::asio::post(io_, [self = shared_from_this(), change] {
    if (self->target_) self->target_->on_panic_change(change);
  });
}

void ControlObserver::names_changed() {
  boost::asio::post(io_, [self = shared_from_this()] {
    if (self->target_) self->target_->on_names_changed();
  });
}

void ControlObserver::server_ejected(const upstream::Ejection& ejection) {
  boost::asio::post(io_, [self = shared_from_this(), ejection] {
    if (self->target_) self->target_->on_ejection(ejection);
  });
}

}  // namespace switchback::release
