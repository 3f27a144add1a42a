// One core's share of the data plane: its loop, its listeners, its client and server connections.
//
// Threads: constructed and started by the control thread; everything marked [loop] runs on the
// worker's own thread, reached by post(). A connection never leaves its worker.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/downstream/host.hpp"
#include "proxy/net/listener.hpp"
#include "proxy/worker/snapshot.hpp"

namespace switchback::worker {

class Worker final : public net::Timer, public net::AcceptGate {
 public:
  Worker(unsigned index, log::AccessRing* access);
  ~Worker();    // stops and joins
  void stop();  // the same, and keeps the memory: other workers may still post to it

  void start(std::shared_ptr<const Snapshot> snapshot,
             const std::vector<net::OpenedListener>& listeners, unsigned workers);
  void post(std::function<void()> work) { reactor_.post(std::move(work)); }
  const stats::WorkerStats& stats() const { return stats_; }

  void accept_again();                                   // [loop]
  void adopt(std::shared_ptr<const Snapshot> snapshot);  // [loop]
  // Only servers have changed since the snapshot before.
  void adopt_members(std::shared_ptr<const Snapshot> snapshot);  // [loop]
  void begin_switch(const std::shared_ptr<exchange::ServiceRuntime>& runtime,
                    std::shared_ptr<drain::SwitchRecord> record);  // [loop]
  // The copies of requests go to another color from now on; nullptr: there are none.
  void begin_mirror_run(const std::shared_ptr<exchange::ServiceRuntime>& runtime,
                        std::shared_ptr<mirror::Run> run);                   // [loop]
  void open_door(const std::shared_ptr<exchange::ServiceRuntime>& runtime);  // [loop]
  void begin_shutdown(Nanos limit_ns, std::function<void()> done);           // [loop]

 private:
  struct Service;
  void on_timer() override;  // once a second; every few ms while shutting down
  bool enter() override;
  void leave() override { host_.guard().leave_ceiling(); }
  bool make_room() override;
  void run(std::shared_ptr<const Snapshot> snapshot);
  std::unique_ptr<Service> make_service(const std::shared_ptr<const ServiceShared>& shared);
  void update_service(Service& service, const std::shared_ptr<const ServiceShared>& shared);
  void update_listeners(const Snapshot& snapshot);
  void finish_accepting();
  void shutdown_tick();
  void sweep_retired();
  void refresh_wall_clock();

  const unsigned index_;
  net::Reactor reactor_;
  stats::WorkerStats stats_;
  exchange::WorkerContext context_;
  downstream::Host host_;
  upstream::Dialer dialer_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::map<std::string, std::unique_ptr<Service>> services_;
  std::vector<std::unique_ptr<Service>> retired_;  // gone from the configuration, still in use
  struct Entrance {                                // a socket that this worker accepts from
    net::ListenShare share;
    std::size_t listener;  // index into listeners_
    bool owned;
    std::unique_ptr<net::Acceptor> acceptor;
  };
  std::vector<Entrance> entrances_;
  std::vector<std::unique_ptr<downstream::ListenerRuntime>> listeners_;  // in configuration order
  std::function<void()> shutdown_done_;
  Nanos shutdown_at_ns_ = 0;
  Nanos finish_accepting_at_ns_ = 0;  // 0: done
  bool past_limit_ = false;
  std::uint64_t accept_pauses_seen_ = 0;
  std::thread thread_;
};

}  // namespace switchback::worker
