// Releases, holds and the fitness of the standby: the living room of facts around Registry and
// HoldBook. It watches the pools by the second, is the controller's Policy, and writes what changes
// to the ledger, never waiting for it (docs/releases.md).
//
// Threads: the control thread. Lifetime: between the controller's start and its end; it sets itself
// as the controller's policy and takes itself away in its destructor.
// Errors: release::Problem, with the next command.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/events/stream.hpp"
#include "admin/ledger/ledger.hpp"
#include "admin/release/policy.hpp"
#include "admin/releases/model.hpp"
#include "admin/releases/registry.hpp"

namespace switchback::releases {

struct ReleasesOptions {
  config::Duration tick{1000};     // of watching the pools
  unsigned ticks_per_window = 10;  // over which a rate is taken
};

class Releases : public release::Policy {
 public:
  Releases(boost::asio::io_context& io, worker::DataPlane& plane, release::Controller& controller,
           events::Stream& stream, ledger::Ledger& ledger, ReleasesOptions options = {});
  ~Releases() override;
  Releases(const Releases&) = delete;

  // What an operator or a pipeline asks. Answers carry the release and what to know about it.
  Outcome add(const NewRelease& release, const release::Actor& actor);
  Outcome stage(const std::string& service, const std::string& version,
                const std::optional<Color>& color, const release::Actor& actor);
  Outcome requalify(const std::string& service, const std::string& version,
                    const std::string& reason, const release::Actor& actor);
  Outcome retire(const std::string& service, const std::string& version, const std::string& reason,
                 const release::Actor& actor);
  std::vector<Release> list(const std::string& service) const;  // newest first
  std::optional<Release> find(const std::string& service, const std::string& version) const;
  std::optional<Release> on(const std::string& service, Color color) const;

  // Promotes and automatic rollbacks are held back while one stands; a manual rollback never is.
  // `until_wall_us` 0: until it is lifted. A second hold takes the place of the first.
  Hold hold(const std::string& service, const std::string& reason, std::int64_t until_wall_us,
            const release::Actor& actor);
  bool lift(const std::string& service, const release::Actor& actor);  // false: there was none
  std::optional<Hold> held(const std::string& service) const;
  std::vector<Hold> holds(
      const std::string& service) const;  // all that are remembered, newest first

  // For readiness: what is known of a color now.
  Fitness fitness(const std::string& service, Color color) const;

  // By the verification of plans: what it found on a color. A wrong version (identity check) means
  // that a rollback target is gone: state `lost`.
  void note_verification(const std::string& service, Color color, bool ok, const std::string& text,
                         bool wrong_version = false);
  // Nothing verifies this service any more, or what was found is of before a switch.
  void forget_verification(const std::string& service);
  // By the bake window: whether a promotion starts one (asked when traffic moves), and its end.
  void set_bakes(std::function<bool(const std::string& service)> bakes) {
    bakes_ = std::move(bakes);
  }
  void bake_ended(const std::string& service);

  // After a start or a reload: the configuration's names may be newer.
  void configuration_changed();
  // After a start or a reload, before configuration_changed: whose servers it has taken away. What
  // a rollback would go back to is then `lost`.
  void servers_configured(const config::Config& config);

  // release::Policy
  void name_releases(worker::ServiceView& view) const override;
  std::optional<release::Problem> explain_target(const worker::ServiceView& view,
                                                 const std::string& to) const override;
  void moved(const release::Receipt& receipt) override;

 private:
  struct Impl;
  std::function<bool(const std::string&)> bakes_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace switchback::releases
