// A controller and a data plane that remember what they were asked and answer what the test says.
// Both live on the server's thread, as the real ones do.
#pragma once

#include <map>

#include "admin/events/events.hpp"
#include "admin/release/controller.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::test {

class FakePlane : public worker::DataPlane {
 public:
  FakePlane() {
    worker::ServiceView shop;
    shop.service = "shop";
    shop.epoch = 42;
    shop.pools[0].release = "v1.2";
    shop.pools[0].in_flight = {3, 2, 1};
    shop.pools[0].servers = {{"127.0.0.1:9001", 1, upstream::Health::healthy, "", 6}};
    shop.pools[1].release = "v1.3";
    shop.pools[1].servers = {{"127.0.0.1:9101", 2, upstream::Health::failing, "status 500 <b>", 0}};
    views.push_back(shop);
  }
  unsigned workers() const override { return 2; }
  std::vector<std::string> listener_addresses() const override { return {"http://127.0.0.1:8080"}; }
  std::vector<std::string> services() const override {
    std::vector<std::string> names;
    for (const auto& v : views) names.push_back(v.service);
    return names;
  }
  std::optional<worker::ServiceView> view(const std::string& service) const override {
    for (const auto& v : views) {
      if (v.service == service) return v;
    }
    return std::nullopt;
  }
  worker::StatsView stats() const override { return stats_view; }
  std::optional<mirror::View> mirror_view(const std::string& service, std::size_t) const override {
    return view(service) ? std::optional(mirror) : std::nullopt;
  }
  std::shared_ptr<drain::SwitchRecord> switch_color(const std::string&, Color,
                                                    std::uint64_t) override {
    return nullptr;
  }
  bool pause(const std::string&) override { return true; }
  bool resume(const std::string&) override { return true; }
  void probe_pool(const std::string&, Color, config::Duration,
                  std::function<void(unsigned)>) override {}
  void reload(const config::Config&, const std::vector<worker::ServiceSeed>&) override {}
  void reopen_logs() override {}
  void shut_down(config::Duration, std::function<void()>) override {}

  std::vector<worker::ServiceView> views;
  worker::StatsView stats_view;
  mirror::View mirror;
};

inline release::Receipt example_receipt() {
  release::Receipt receipt;
  receipt.flip = "01JDFLIP";
  receipt.service = "shop";
  receipt.epoch = 43;
  receipt.from_release = "v1.2";
  receipt.to_release = "v1.3";
  receipt.actor = "uid 0 (root)";
  receipt.reason = "<try it>";
  receipt.state = release::FlipState::switched;
  receipt.moved = true;
  receipt.stages_ms.switched = 0.5;
  receipt.wall_us = 1'700'000'000'000'000;
  return receipt;
}

// Events as the rooms tell them, for tests of who hears them.
inline events::FlipStepped flip_event(events::FlipStep step, events::FlipKind kind) {
  auto receipt = example_receipt();
  receipt.kind = kind;
  return {step, receipt};
}

class FakeController : public release::Controller {
 public:
  void promote(release::FlipRequest request, release::OnFlip done) override {
    promotes.push_back(std::move(request));
    answer_or_keep(std::move(done));
  }
  void rollback(release::FlipRequest request, release::OnFlip done) override {
    rollbacks.push_back(std::move(request));
    answer_or_keep(std::move(done));
  }
  std::optional<release::Problem> pause(const std::string& service, config::Duration max,
                                        const release::Actor& actor) override {
    door.push_back("pause " + service + " " + std::to_string(max.count()) + " " + actor.name);
    return door_problem;
  }
  std::optional<release::Problem> resume(const std::string& service,
                                         const release::Actor&) override {
    door.push_back("resume " + service);
    return door_problem;
  }
  std::optional<release::Receipt> flip(const std::string& id) const override {
    for (const auto& receipt : receipts) {
      if (receipt.flip == id) return receipt;
    }
    return std::nullopt;
  }
  std::vector<release::Receipt> history(const std::string& service,
                                        std::size_t limit) const override {
    std::vector<release::Receipt> out;
    for (const auto& receipt : receipts) {
      if ((service.empty() || receipt.service == service) && out.size() < limit)
        out.push_back(receipt);
    }
    return out;
  }
  std::optional<release::Receipt> last_flip(const std::string& service) const override {
    const auto all = history(service, 1);
    return all.empty() ? std::nullopt : std::optional(all.front());
  }
  std::optional<Color> rollback_target(const std::string&) const override { return target; }
  void set_policy(release::Policy*) override {}
  void name_releases(worker::ServiceView&) const override {}
  void rehearse(const std::string&, Nanos, release::OnRehearsal) override {}
  void watch_flips(release::FlipWatcher*) override {}
  void verification(const std::string&, const release::Verification&) override {}
  void reloaded(bool, const std::string&) override {}

  void answer_or_keep(release::OnFlip done) {
    if (answer) {
      done(*answer);
    } else {
      waiting.push_back(std::move(done));
    }
  }

  std::vector<release::FlipRequest> promotes, rollbacks;
  std::vector<std::string> door;
  std::optional<release::Problem> door_problem;
  std::optional<release::FlipAnswer> answer = example_receipt();  // nullopt: kept in `waiting`
  std::vector<release::OnFlip> waiting;
  std::vector<release::Receipt> receipts;  // newest first
  std::optional<Color> target;
};

}  // namespace switchback::test
