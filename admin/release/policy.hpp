// What the rest of the control plane has to say about a switch, asked by the controller while it
// judges: what the colors run, and a list of judges that may speak against it, each with words of
// its own. Memory only, never I/O: a rollback is judged with it too, though no judge can refuse a
// manual one.
//
// A judge says of which kinds of switch it wants to be asked: promotes, manual rollbacks and
// automatic ones apart. It may find nothing, warn, or refuse; a refusal may have been overridden by
// a person's reason. A new one (a gate of a database, a fleet) is one more class and one admit().
//
// Threads: the control thread. See admin/releases for the one that is used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/release/controller.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::release {

// A switch that would go ahead otherwise. `view` bears the names of the releases.
struct Question {
  const FlipRequest& request;
  const worker::ServiceView& view;
  Color to = Color::blue;
  FlipKind kind = FlipKind::promote;
};

enum class Stance : std::uint8_t { fine, warn, refuse };

struct Opinion {
  Stance stance = Stance::fine;
  std::string warning;     // warn: for the receipt; refuse: where it was overridden, may be empty
  Problem problem;         // refuse
  std::string overridden;  // refuse: the reason a person gave to go ahead all the same
};

class Judge {
 public:
  virtual ~Judge() = default;
  virtual std::string_view name() const = 0;  // "hold", "quarantine"
  virtual bool is_asked_about(FlipKind kind) const {
    return kind == FlipKind::promote || kind == FlipKind::auto_rollback;
  }
  virtual Opinion opinion(const Question& question) const = 0;
};

struct Ruling {
  std::optional<Problem> refusal;  // of the first judge that refuses
  std::vector<std::string> warnings;
};

class Policy {
 public:
  virtual ~Policy() = default;
  // Puts the releases that were staged in the place of those that the configuration names.
  virtual void name_releases(worker::ServiceView& view) const = 0;
  // `to` is no color, and no release that a color of `view` runs: what else is known of it.
  virtual std::optional<Problem> explain_target(const worker::ServiceView& view,
                                                const std::string& to) const = 0;
  // Traffic has moved.
  virtual void moved(const Receipt& receipt) = 0;

  // Asked in the order in which they came; a judge is taken away before it ends.
  void admit(const Judge& judge) { judges_.push_back(&judge); }
  void dismiss(const Judge& judge) { std::erase(judges_, &judge); }
  Ruling rule(const Question& question) const;

 private:
  std::vector<const Judge*> judges_;
};

}  // namespace switchback::release
