// The data plane's observer: carries its calls over to the control thread.
//
// start_data_plane needs an observer before the controller exists; the controller attaches itself
// later. Calls made before that wait in the io_context (which is run later still), none is lost.
// Threads: Observer methods from any thread; attach/detach on the control thread.
// Ownership: shared with the data plane, which must end before the io_context does.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "proxy/worker/data_plane.hpp"

namespace switchback::release {

class ControlObserver : public worker::Observer,
                        public std::enable_shared_from_this<ControlObserver> {
 public:
  // Called on the control thread.
  class Target {
   public:
    virtual ~Target() = default;
    virtual void on_switch_progress(const std::shared_ptr<drain::SwitchRecord>& record) = 0;
    virtual void on_health_change(const upstream::HealthChange& change) = 0;
    virtual void on_panic_change(const upstream::PanicChange&) {}
    virtual void on_names_changed() {}
    virtual void on_ejection(const upstream::Ejection& ejection) = 0;
  };

  explicit ControlObserver(boost::asio::io_context& io) : io_(io) {}
  void attach(Target* target) { target_ = target; }
  void detach() { target_ = nullptr; }

  void switch_progressed(const std::shared_ptr<drain::SwitchRecord>& record) override;
  void health_changed(const upstream::HealthChange& change) override;
  void panic_changed(const upstream::PanicChange& change) override;
  void names_changed() override;
  void server_ejected(const upstream::Ejection& ejection) override;

 private:
  boost::asio::io_context& io_;
  Target* target_ = nullptr;  // control thread only
};

inline std::shared_ptr<ControlObserver> make_observer(boost::asio::io_context& io) {
  return std::make_shared<ControlObserver>(io);
}

}  // namespace switchback::release
