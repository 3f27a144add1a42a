// The workers together: DataPlane's implementation on the control thread.
#pragma once

#include <map>

#include "proxy/dns/resolver.hpp"
#include "proxy/mirror/runs.hpp"
#include "proxy/worker/data_plane.hpp"
#include "proxy/worker/worker.hpp"

namespace switchback::worker {

class WorkerGroup final : public DataPlane {
 public:
  WorkerGroup(const config::Config& config, const std::vector<ServiceSeed>& seeds,
              std::shared_ptr<Observer> observer, std::vector<net::OpenedListener> listeners);
  ~WorkerGroup() override;

  unsigned workers() const override { return worker_count_; }
  std::vector<std::string> listener_addresses() const override;
  std::vector<std::string> services() const override;
  std::optional<ServiceView> view(const std::string& service) const override;
  StatsView stats() const override;
  std::optional<mirror::View> mirror_view(const std::string& service,
                                          std::size_t most_samples) const override {
    return find(service) ? mirror_runs_.view(service, most_samples) : std::nullopt;
  }
  std::shared_ptr<drain::SwitchRecord> switch_color(const std::string& service, Color to,
                                                    std::uint64_t epoch) override;
  bool rehearse_switch(const std::string& name, std::function<void()> done) override;
  bool pause(const std::string& service) override;
  bool resume(const std::string& service) override;
  void probe_pool(const std::string& service, Color color, config::Duration timeout,
                  std::function<void(unsigned accepting)> done) override;
  std::vector<ProbeTarget> probe_targets(const std::string& service, Color color) const override;
  std::array<std::uint64_t, 2> take_outcomes(
      const std::string& service,
      const std::function<void(const stats::BadOutcome&)>& each) override;
  void reload(const config::Config& config, const std::vector<ServiceSeed>& seeds) override;
  std::vector<std::string> renewed_files() const override { return renewed_files_; }
  void adopt_names() override;
  std::vector<NameView> names() const override;
  void reopen_logs() override;
  void flush_logs() override;
  void check_workers(std::function<void()> alive) override;
  void shut_down(config::Duration limit, std::function<void()> done) override;

  static unsigned count_workers(const config::Config& config);

 private:
  std::shared_ptr<const Snapshot> build(const config::Config& config,
                                        const std::vector<ServiceSeed>& seeds,
                                        ListenerContexts contexts);
  std::uint16_t find_https_port(const config::Config& config) const;
  std::shared_ptr<const ServiceShared> build_service(const config::Service& config,
                                                     const std::vector<ServiceSeed>& seeds);
  void configure_names(const config::Config& config);
  std::shared_ptr<const dns::NameTable> name_table() const;
  std::map<std::string, ServerWires> make_wires(const config::Config& config) const;
  const ServiceShared* find(const std::string& service) const;
  void configure_pools();
  void set_health_targets();
  PoolView pool_view(const ServiceShared& service, Color color, Color active) const;

  const unsigned worker_count_;
  std::uint16_t https_port_ = 0;  // of the configuration that is built or in force
  std::shared_ptr<Observer> observer_;
  std::vector<net::OpenedListener> listeners_;
  log::AccessLog access_log_;
  mirror::Runs mirror_runs_;
  std::shared_ptr<guard::ClientShares> client_shares_ = std::make_shared<guard::ClientShares>();
  ListenerTls listener_tls_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::map<std::string, ServerWires> wires_;  // by service, of the newest configuration
  std::vector<std::string> renewed_files_;
  std::vector<std::unique_ptr<Worker>> workers_;
  upstream::HealthChecker health_;
  std::set<std::string> names_;              // of all servers
  std::unique_ptr<dns::Resolver> resolver_;  // null: there has never been a name
};

}  // namespace switchback::worker
