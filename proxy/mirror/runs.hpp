// The control thread's side of mirroring: which run of a service is going on, and when a new one
// begins.
#pragma once

#include <map>
#include <optional>

#include "proxy/mirror/view.hpp"
#include "proxy/route/service_control.hpp"

namespace switchback::mirror {

class Runs {
 public:
  explicit Runs(unsigned workers) : workers_(workers) {}

  // At the start and at every reload. Begins a run where the question has changed.
  Setup configure(const config::Service& service, route::ActiveWord word);
  // After a switch: the new run, or nullptr where mirroring is off.
  std::shared_ptr<Run> switched(const std::string& service, route::ActiveWord word);
  // nullopt: not configured. `most_samples`: the newest of all workers.
  std::optional<View> view(const std::string& service, std::size_t most_samples) const;

 private:
  struct Entry {
    config::Service config;
    std::shared_ptr<Totals> totals;
    Setup setup;
  };
  std::shared_ptr<Run> begin(const Entry& entry, route::ActiveWord word);
  const unsigned workers_;
  std::uint64_t begun_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace switchback::mirror
