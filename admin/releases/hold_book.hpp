// Holds of all services, sans-IO: the newest of a service is the one that counts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "admin/ledger/tables.hpp"
#include "admin/releases/model.hpp"

namespace switchback::releases {

class HoldBook {
 public:
  // Takes the place of one that stands (which is lifted by the same hand).
  std::vector<Hold> place(Hold hold);  // what changed, the new one last
  std::optional<Hold> lift(const std::string& service, const std::string& by, std::int64_t wall_us);
  const Hold* standing(const std::string& service, std::int64_t wall_us) const;
  std::vector<Hold> all(const std::string& service) const;  // newest first
  // Those whose time is up since the last call.
  std::vector<Hold> ended(std::int64_t wall_us);
  void restore(const ledger::Row& row, std::int64_t wall_us);

 private:
  static constexpr std::size_t kept_ = 100;  // per service
  struct Entry {
    Hold hold;
    bool told = false;  // that it is over
  };
  std::map<std::string, std::vector<Entry>> services_;  // oldest first
};

ledger::Row to_row(const Hold& hold);

}  // namespace switchback::releases
