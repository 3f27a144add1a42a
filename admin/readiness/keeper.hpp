// Keeps the answers up to date, second by second, for every service: gathers the facts from the
// rooms that own them, judges, tells when the way back comes or goes, and records the gaps.
//
// Threads: the control thread. Everything read here is memory, so that a look costs microseconds
// and no room can hold it up. Lifetime: after all the rooms it reads, ended before them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "admin/bake/baker.hpp"
#include "admin/events/events.hpp"
#include "admin/ledger/ledger.hpp"
#include "admin/people/people.hpp"
#include "admin/readiness/gaps.hpp"
#include "admin/readiness/judge.hpp"
#include "admin/releases/null_flips.hpp"
#include "admin/releases/releases.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::readiness {

struct Sources {
  worker::DataPlane* plane = nullptr;
  release::Controller* controller = nullptr;
  events::Events* events = nullptr;
  releases::Releases* releases = nullptr;
  releases::NullFlips* null_flips = nullptr;
  verify::Verifier* verifier = nullptr;
  bake::Baker* baker = nullptr;
  people::People* people = nullptr;
};

struct View {
  Facts facts;
  Readiness readiness;
  Gaps::Summary summary;
  std::optional<Gap> gap;  // the one that stands
};

class Keeper {
 public:
  Keeper(boost::asio::io_context& io, const Sources& sources, ledger::Ledger& ledger,
         const config::Config& config);
  Keeper(const Keeper&) = delete;

  void configure(const config::Config& config);  // one that was adopted
  std::optional<View> view(
      const std::string& service) const;  // judged now; nullopt: no such service
  // Of the last second, by service.
  const std::map<std::string, std::array<Grade, question_count>>& grades() const { return grades_; }
  Gaps::Summary summary(const std::string& service) const;

 private:
  void arm();
  void tick();
  Facts gather(const std::string& service, const worker::ServiceView& view) const;
  std::optional<Readiness> look(const std::string& service, Facts& facts) const;
  // Over up to 1,000 receipts: worked out anew when the newest one has changed, or after 10 s.
  struct Times {
    std::string flip;
    release::FlipState state = release::FlipState::switching;
    Nanos at_ns = 0;
    std::int64_t active_since_wall_us = 0;
    release::DurationReport durations;
  };
  const Times& times(const std::string& service) const;
  void pass_on(const Facts& facts);
  Gaps& gaps(const std::string& service);
  void close_gaps_of_others(const config::Config& config);

  const Sources sources_;
  ledger::Ledger& ledger_;
  boost::asio::steady_timer timer_;
  const Nanos started_ns_;
  const std::int64_t started_wall_us_;
  std::string socket_;
  std::map<std::string, Gaps> gaps_;
  mutable std::map<std::string, Times> times_;
  Nanos next_watched_ns_ = 0;          // when the rows of this life are written again
  std::map<std::string, Nanos> told_;  // the standing that the releases were told of
  std::map<std::string, std::array<Grade, question_count>> grades_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace switchback::readiness
