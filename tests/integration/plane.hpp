// A data plane in this process, on free ports, with scripted servers behind it: what most
// integration tests start from.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/worker/data_plane.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

namespace switchback::test {

inline config::Address address_of(const std::string& text) {
  config::Address address;
  address.text = text;
  if (text.rfind("unix:", 0) == 0) {
    address.kind = config::AddressKind::unix_path;
    address.path = text.substr(5);
    return address;
  }
  const std::size_t colon = text.rfind(':');
  address.host = text.front() == '[' ? text.substr(1, colon - 2) : text.substr(0, colon);
  address.port = static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)));
  return address;
}

inline config::Service service_of(const std::string& name, const std::vector<std::string>& blue,
                                  const std::vector<std::string>& green) {
  config::Service service;
  service.name = name;
  for (const std::string& text : blue) service.blue.servers.push_back({address_of(text), 1});
  for (const std::string& text : green) service.green.servers.push_back({address_of(text), 1});
  service.health_check.interval = std::chrono::milliseconds(50);
  return service;
}

class WaitingObserver final : public worker::Observer {
 public:
  void switch_progressed(const std::shared_ptr<drain::SwitchRecord>&) override {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  void health_changed(const upstream::HealthChange&) override {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  void names_changed() override {
    names_changed_.store(true);
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  bool take_names_changed() { return names_changed_.exchange(false); }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (changed_.wait_until(lock, end) == std::cv_status::timeout) return condition();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> names_changed_{false};
};

class Plane {
 public:
  explicit Plane(config::Service service, unsigned workers = 1) {
    config_.services.push_back(std::move(service));
    start(workers);
  }
  Plane(config::Config config, unsigned workers) : config_(std::move(config)) { start(workers); }

  worker::DataPlane& operator*() { return *plane_; }
  worker::DataPlane* operator->() { return plane_.get(); }
  WaitingObserver& observer() { return *observer_; }
  const config::Config& config() const { return config_; }
  std::string address() const { return address_; }
  const std::string& service() const { return config_.services.front().name; }
  RawClient client() const { return RawClient(address_); }
  worker::ServiceView view() const {
    adopt_names();
    return *plane_->view(service());
  }
  // What the control thread does when DNS has said something new. The test's thread is that thread.
  void adopt_names() const {
    if (observer_->take_names_changed()) plane_->adopt_names();
  }

  // Stores and waits for the barrier of every worker.
  std::shared_ptr<drain::SwitchRecord> flip(Color to) {
    auto record = plane_->switch_color(service(), to, view().epoch + 1);
    if (!observer_->wait([&] { return record->switched(); })) return nullptr;
    return record;
  }
  bool drained(const std::shared_ptr<drain::SwitchRecord>& record) {
    return observer_->wait([&] { return record->drained(); });
  }
  std::uint64_t reason_count(http::Reason reason) const {
    std::uint64_t sum = 0;
    for (const auto* worker : plane_->stats().workers) {
      sum += worker->reasons[static_cast<std::size_t>(reason)].read();
    }
    return sum;
  }
  std::uint64_t in_flight(Color color) const {
    std::uint64_t sum = 0;
    const worker::ServiceView now = view();
    for (const std::uint64_t n : now.pools[index_of(color)].in_flight) sum += n;
    return sum;
  }
  bool quiet() const { return in_flight(Color::blue) + in_flight(Color::green) == 0; }

 private:
  void start(unsigned workers) {
    config_.workers = workers;
    if (config_.log.path == "stdout") config_.log.access = config::AccessFormat::off;
    if (config_.listeners.empty()) {
      config::Listener listener;
      listener.bind = address_of("127.0.0.1:0");
      config_.listeners.push_back(listener);
    }
    worker::StartResult result = worker::start_data_plane(config_, {}, observer_);
    if (!result.plane) throw std::runtime_error(result.error);
    plane_ = std::move(result.plane);
    address_ = plane_->listener_addresses().front();
  }
  config::Config config_;
  std::shared_ptr<WaitingObserver> observer_ = std::make_shared<WaitingObserver>();
  std::unique_ptr<worker::DataPlane> plane_;
  std::string address_;
};

inline std::string get(const std::string& target, const std::string& extra = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: shop.test\r\n" + extra + "\r\n";
}

}  // namespace switchback::test
