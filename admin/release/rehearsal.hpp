// Null flips under way, at most one per service: the same word again and the barrier, and the
// scratch slot meanwhile. Nothing here waits on the control thread, and a real switch drops what is
// under way.
//
// Threads: the control thread (callbacks of disk and workers are carried over to it).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>

#include "admin/release/make_controller.hpp"
#include "admin/state/state_store.hpp"

namespace switchback::release {

class Rehearsals {
 public:
  Rehearsals(boost::asio::io_context& io, worker::DataPlane& plane, state::StateStore& store,
             const ControllerOptions& options)
      : io_(io), plane_(plane), store_(store), options_(options) {}

  bool busy(const std::string& service) const { return running_.count(service) != 0; }
  // `so_far` holds the time of judging.
  void begin(const std::string& service, Nanos begun_ns, Rehearsal so_far, OnRehearsal done);
  void drop(const std::string& service);  // a real switch begins
  void stop();                            // drops all

 private:
  struct Run;
  using RunPtr = std::shared_ptr<Run>;
  void written(const RunPtr& run, const std::string& error);
  void passed(const RunPtr& run);
  void end_if_both(const RunPtr& run);
  void end(const RunPtr& run);

  boost::asio::io_context& io_;
  worker::DataPlane& plane_;
  state::StateStore& store_;
  const ControllerOptions& options_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::map<std::string, RunPtr> running_;
  std::uint64_t numbers_ = 0;  // of what the scratch slots were given
};

}  // namespace switchback::release
