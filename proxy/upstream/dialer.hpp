// What all of a worker's connections to servers share: the loop, scratch memory, recycling.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/http1/decoder.hpp"
#include "proxy/net/reactor.hpp"
#include "proxy/stats/counters.hpp"
#include "proxy/tls/layer.hpp"
#include "proxy/upstream/connection.hpp"

namespace switchback::upstream {

class Dialer final : public net::Deferred {
 public:
  // Room for the largest head plus what the proxy adds to it.
  static constexpr std::size_t scratch_bytes = 160 * 1024;
  static constexpr unsigned max_idle_per_server = 1024;  // of one worker

  Dialer(net::Reactor& reactor, stats::WorkerStats& stats)
      : reactor_(reactor), stats_(stats), scratch_(std::make_unique<char[]>(scratch_bytes)) {}

  net::Reactor& reactor() { return reactor_; }
  net::BufferPool& buffers() { return reactor_.buffers(); }
  stats::WorkerStats& stats() { return stats_; }
  char* scratch() { return scratch_.get(); }
  tls::Workspace& tls() {  // made when the first server wants TLS
    if (!tls_) tls_ = std::make_unique<tls::Workspace>(buffers());
    return *tls_;
  }
  http::FieldTable& fields() { return fields_; }
  const http1::HeadLimits& head_limits() const { return head_limits_; }
  void configure(std::size_t head_bytes, unsigned fields) {
    head_limits_.head_bytes = head_bytes;
    head_limits_.fields = fields;
  }

  // What to do when there is no descriptor for a new connection; true: try again.
  void set_make_room(std::function<bool()> make_room) { make_room_ = std::move(make_room); }
  bool make_room() const { return make_room_ && make_room_(); }

  Connection& make();
  std::size_t connections() const { return all_.size(); }  // in any state, closed ones too
  Connection& connection(std::size_t i) { return *all_[i]; }
  void recycle(Connection& connection);  // usable again after the running batch

 private:
  void on_deferred() override;
  net::Reactor& reactor_;
  stats::WorkerStats& stats_;
  std::unique_ptr<char[]> scratch_;
  std::unique_ptr<tls::Workspace> tls_;
  http::FieldTable fields_;
  http1::HeadLimits head_limits_;
  std::function<bool()> make_room_;
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> free_;
  std::vector<Connection*> dead_;
};

}  // namespace switchback::upstream
