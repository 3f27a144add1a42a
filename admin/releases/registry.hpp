// The states of releases, as a sans-IO machine: what happened goes in, what changed comes out. No
// clock, no disk, no data plane; docs/releases.md has the table of transitions.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "admin/ledger/tables.hpp"
#include "admin/release/controller.hpp"
#include "admin/releases/model.hpp"

namespace switchback::releases {

// What the registry has to know of a service to judge a call.
struct Situation {
  Color active = Color::blue;
  std::optional<Color> rollback_target;
  std::array<std::string, 2> configured;  // releases that the configuration names, by color
};

// What a pipeline tells of a release. Members that are absent leave what is known as it is.
struct NewRelease {
  std::string service, version;
  std::optional<Color> color;  // it runs there: stage it
  std::optional<std::string> git_commit, deployed_by, contract_sha, migration_id, reversible;
  std::optional<std::int64_t> first_commit_wall_us, commits, lines;
  std::optional<bool> unplanned;
};

struct Taken {
  Release release;
  bool created = false;
  std::vector<std::string> warnings;
};
using Outcome = std::variant<Taken, release::Problem>;

struct Change {
  Release release;  // as it is now
  State from = State::registered;
  bool created = false;
  std::string why;
};

class Registry {
 public:
  using OnChange = std::function<void(const Change&)>;
  explicit Registry(OnChange on_change, std::size_t kept_per_service = 500)
      : on_change_(std::move(on_change)), kept_(kept_per_service) {}

  Outcome add(const NewRelease& release, const Situation& now, std::int64_t wall_us);
  Outcome stage(const std::string& service, const std::string& version, Color color,
                const Situation& now, std::int64_t wall_us);
  Outcome requalify(const std::string& service, const std::string& version,
                    const std::string& reason, const Situation& now, std::int64_t wall_us);
  Outcome retire(const std::string& service, const std::string& version, const std::string& reason,
                 const Situation& now, std::int64_t wall_us);

  const Release* find(const std::string& service, const std::string& version) const;
  const Release* on(const std::string& service, Color color) const;
  std::vector<Release> list(const std::string& service) const;  // newest first

  // Traffic went to `to`. Rollbacks quarantine what they leave, drills do not.
  void moved(const std::string& service, Color to, release::FlipKind kind,
             const std::string& reason, bool baking, std::int64_t wall_us);
  void bake_ended(const std::string& service, Color active, std::int64_t wall_us);
  // By the second: whether what runs on the standby could take the traffic.
  void observed(const std::string& service, Color standby, bool fit, const std::string& why,
                std::int64_t wall_us);
  // What a rollback would go back to is not there any more: the identity check saw another version,
  // or its servers are gone.
  void lose(const std::string& service, Color color, const std::string& text, std::int64_t wall_us);
  // The configuration names this release for a color.
  void configured(const std::string& service, Color color, const std::string& version,
                  const Situation& now, std::int64_t wall_us);
  // Which side has the traffic, for states that a killed process could not write any more.
  // `quarantine`: the newest switch was a rollback.
  void settle(const std::string& service, const Situation& now, bool quarantine,
              std::int64_t wall_us);
  // What an earlier life knew; what this one knows already stands. Tells no change.
  void restore(const ledger::Row& row);

 private:
  using Key = std::pair<std::string, std::string>;
  Release* mutable_on(const std::string& service, Color color);
  void put(Release& release, State state, const std::string& why, std::int64_t wall_us,
           bool created = false);
  std::string clear_color(Color color, const std::string& service, const std::string& by,
                          const Situation& now, std::int64_t wall_us);
  std::optional<release::Problem> place(Release& release, Color color, const Situation& now,
                                        std::int64_t wall_us, std::vector<std::string>& warnings);
  void forget_oldest(const std::string& service);

  OnChange on_change_;
  const std::size_t kept_;
  std::map<Key, Release> releases_;
};

ledger::Row to_row(const Release& release);
std::optional<Release> release_from_row(const ledger::Row& row);
// "" or why this cannot be a version's name.
std::string version_fault(std::string_view version);

}  // namespace switchback::releases
