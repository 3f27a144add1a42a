// The baseline of a color as a row of the ledger, so that a restart or an upgrade does not leave
// the next release without anything to be compared with.
//
// One row a color, replaced every few minutes, at a switch and at an end; never waited for. A row
// is taken back only for the plan and the release it was counted under, and no older than it may
// be: slices of the color that is active now age by the wall clock, those of the other stay as they
// were when it lost the traffic, for a day. Sans-IO.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/ledger/tables.hpp"
#include "admin/verify/traffic.hpp"
#include "proxy/base/color.hpp"

namespace switchback::verify {

struct SavedBaseline {
  std::string service;
  Color color = Color::blue;
  std::string plan_sha;
  std::string release;  // "": nobody has named it
  std::vector<Baseline::Slice> slices;
  std::int64_t at_wall_us = 0;
};

ledger::Row to_row(const SavedBaseline& saved);
std::optional<SavedBaseline> baseline_from_row(const ledger::Row& row);

// The slices of it that still say something; empty: none.
std::vector<Baseline::Slice> usable_slices(SavedBaseline saved, const std::string& plan_sha,
                                           const std::string& release, bool active,
                                           std::int64_t window_us, std::int64_t now_wall_us);

}  // namespace switchback::verify
