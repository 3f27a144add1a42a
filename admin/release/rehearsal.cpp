#include "admin/release/rehearsal.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "admin/release/controller_impl.hpp"

namespace switchback::release {

struct Rehearsals::Run {
  Run(boost::asio::io_context& io, std::string name, Nanos begun, Rehearsal so_far, OnRehearsal d)
      : service(std::move(name)),
        begun_ns(begun),
        found(std::move(so_far)),
        done(std::move(d)),
        timer(io) {}
  double since_ms() const { return static_cast<double>(monotonic_ns() - begun_ns) / 1e6; }

  const std::string service;
  const Nanos begun_ns;
  Rehearsal found;
  OnRehearsal done;
  boost::asio::steady_timer timer;
};

void Rehearsals::begin(const std::string& service, Nanos begun_ns, Rehearsal so_far,
                       OnRehearsal done) {
  const auto run =
      std::make_shared<Run>(io_, service, begun_ns, std::move(so_far), std::move(done));
  running_[service] = run;
  run->timer.expires_after(options_.rehearsal);
  run->timer.async_wait([this, alive = std::weak_ptr(alive_), run](boost::system::error_code ec) {
    if (ec || alive.expired() || !run->done) return;
    run->found.fault = std::string(run->found.persisted ? "the workers" : "the disk") +
                       " did not answer within " + std::to_string(options_.rehearsal.count()) +
                       " ms";
    end(run);
  });
  // As a rollback does: the word and the barrier at once, the disk meanwhile.
  const bool known =
      plane_.rehearse_switch(service, [this, alive = std::weak_ptr(alive_), &io = io_, run] {
        boost::asio::post(io, [this, alive, run] {
          if (!alive.expired()) passed(run);
        });
      });
  if (!known) {
    run->found.fault = "the service is gone";
    return end(run);
  }
  // Epochs of the scratch slot grow over restarts too, so that every write is a new one.
  state::SlotValue value;
  value.epoch = static_cast<std::uint64_t>(wall_us()) + ++numbers_;
  value.wall_us = wall_us();
  store_.write_scratch(
      service, value,
      [this, alive = std::weak_ptr(alive_), &io = io_, run](const std::string& error) {
        boost::asio::post(io, [this, alive, run, error] {
          if (!alive.expired()) written(run, error);
        });
      });
}

void Rehearsals::written(const RunPtr& run, const std::string& error) {
  if (!run->done) return;
  if (!error.empty()) {
    run->found.fault = error;
    return end(run);
  }
  run->found.persisted = run->since_ms();
  end_if_both(run);
}

void Rehearsals::passed(const RunPtr& run) {
  if (!run->done) return;
  run->found.switched = run->since_ms();
  end_if_both(run);
}

void Rehearsals::end_if_both(const RunPtr& run) {
  if (!run->found.persisted || !run->found.switched) return;
  run->found.ok = true;
  end(run);
}

void Rehearsals::end(const RunPtr& run) {
  run->timer.cancel();
  const auto at = running_.find(run->service);
  if (at != running_.end() && at->second == run) running_.erase(at);
  std::exchange(run->done, {})(run->found);
}

void Rehearsals::drop(const std::string& service) {
  const auto at = running_.find(service);
  if (at == running_.end()) return;
  const RunPtr run = at->second;
  run->found.dropped = true;
  run->found.fault = "a real switch came";
  end(run);
}

void Rehearsals::stop() {
  while (!running_.empty()) drop(running_.begin()->first);
}

// A rehearsal asks what a rollback would be asked, and is told what it would be told; there being
// nothing to roll back to is an answer too.
void ControllerImpl::rehearse(const std::string& service, Nanos begun_ns, OnRehearsal done) {
  Rehearsal found;
  const auto view = named_view(service);
  if (!view) {
    found.fault = "there is no service " + service;
    return done(found);
  }
  auto& lane = lane_of(service, view->epoch);
  if (lane.running || rehearsals_.busy(service)) {
    found.dropped = true;
    found.fault = lane.running ? "a real switch is under way" : "the one before is under way";
    return done(found);
  }
  FlipRequest request;
  request.service = service;
  judge_rollback(request, *view, lane.current);
  found.decided = static_cast<double>(monotonic_ns() - begun_ns) / 1e6;
  rehearsals_.begin(service, begun_ns, std::move(found), std::move(done));
}

}  // namespace switchback::release
