// A service's mirroring on one worker: which requests are copied, and the copies under way.
//
// Bounds: mirror.in_flight over all workers (one shared count, touched for sampled requests only),
// what a copy holds of its request (head, and body up to mirror.body), and reads_per_turn pieces of
// long answers between two looks at everybody else's events.
// Threads: its worker. Lifetime: outlives its copies; stop() before the pools go.
#pragma once

#include <memory>
#include <vector>

#include "proxy/exchange/service_runtime.hpp"
#include "proxy/mirror/copy.hpp"

namespace switchback::mirror {

class Mirror final : public exchange::TapSource, public net::Deferred {
 public:
  static constexpr int reads_per_turn = 2;

  Mirror(exchange::WorkerContext& context, exchange::ServiceRuntime& runtime, unsigned worker)
      : context_(context), runtime_(runtime), worker_(worker) {}
  ~Mirror() { stop(); }

  // Sets runtime.taps. Off (no rules): what is under way is dropped. Copies of an earlier run go
  // on.
  void configure(const Setup& setup);
  void begin_run(std::shared_ptr<Run> run);  // after a switch
  void stop();                               // drops what is under way; no more until configure()

  bool draw() override;
  exchange::Tap* begin(const exchange::TapSubject& subject) override;

 private:
  friend class Copy;
  Skip judge(const exchange::TapSubject& subject) const;  // count_: may be copied
  bool may_copy_method(const http::RequestHead& head) const;
  bool take_slot();
  void on_deferred() override;

  // For copies.
  net::Reactor& reactor() { return context_.reactor; }
  net::BufferPool& buffers() { return context_.reactor.buffers(); }
  exchange::UpstreamPool& pool(Color color) { return *runtime_.pools[index_of(color)]; }
  Nanos timeout_ns() const { return rules_->timeout_ns; }
  std::size_t body_limit() const { return rules_->body; }
  std::int64_t wall_us() const { return context_.wall_us(); }
  Shard& shard(Run& run) const { return run.shards[worker_]; }
  template <class Change>
  void count(Run& run, Change change) {
    change(run.shards[worker_].counts);
    change(run.totals->shards[worker_].target[index_of(run.target)]);
  }
  void wait_to_read(Copy& copy);
  void take_back(Copy& copy, std::shared_ptr<Run> run);

  exchange::WorkerContext& context_;
  exchange::ServiceRuntime& runtime_;
  const unsigned worker_;
  std::shared_ptr<const Rules> rules_;
  std::shared_ptr<Run> run_;
  Copy* first_waiting_ = nullptr;
  Copy* last_waiting_ = nullptr;
  std::vector<std::unique_ptr<Copy>> all_;
  std::vector<Copy*> free_;
};

}  // namespace switchback::mirror
