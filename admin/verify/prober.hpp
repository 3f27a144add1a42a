// Asks servers directly, past the data plane, on a thread of its own: connections are kept warm,
// answers are bounded (expectation.hpp), and nothing here can hold up a switch.
//
// Threads: ask() on the control thread, which also gets the answers. Ownership: ends before the
// control thread's io_context; answers that are under way then are lost.
// Limits: `most_in_flight` probes at once; more are answered at once with an error.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/verify/expectation.hpp"
#include "admin/verify/plan.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::verify {

class Prober {
 public:
  static constexpr std::size_t most_in_flight = 256;
  // On the control thread; the answer was held against the plan before, on the prober's.
  using OnAnswer = std::function<void(Judged)>;

  explicit Prober(boost::asio::io_context& control);
  ~Prober();  // joins
  Prober(const Prober&) = delete;

  void ask(std::shared_ptr<const ProbePlan> probe, worker::ProbeTarget target, OnAnswer done);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace switchback::verify
