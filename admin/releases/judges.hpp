// The judges of this room (admin/release/policy.hpp): a hold that stands, and a release in
// quarantine. Threads: the control thread; the books that they read outlive them.
#pragma once

#include "admin/release/policy.hpp"
#include "admin/releases/hold_book.hpp"
#include "admin/releases/registry.hpp"

namespace switchback::releases {

// Against promotes and automatic rollbacks; lifted, never overridden.
class HoldJudge : public release::Judge {
 public:
  explicit HoldJudge(const HoldBook& holds) : holds_(holds) {}
  std::string_view name() const override { return "hold"; }
  release::Opinion opinion(const release::Question& question) const override;

 private:
  const HoldBook& holds_;
};

// Against a promote of what was rolled back; `requalify` overrides it with a reason.
class QuarantineJudge : public release::Judge {
 public:
  explicit QuarantineJudge(const Registry& registry) : registry_(registry) {}
  std::string_view name() const override { return "quarantine"; }
  bool is_asked_about(release::FlipKind kind) const override {
    return kind == release::FlipKind::promote;
  }
  release::Opinion opinion(const release::Question& question) const override;

 private:
  const Registry& registry_;
};

}  // namespace switchback::releases
