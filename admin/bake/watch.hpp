// One release's time under watch after it got the traffic, as a sans-IO machine: a second's
// situation goes in, what to do comes out. docs/bake.md has the states.
//
//   watching ──regressed, all guards met──▶ going_back ──moved──▶ over
//      │ regressed, a guard not met: told once, and asked again every second
//      └─time is up / somebody switched──▶ over
//
// A watch over a release that an automatic rollback brought back only pages: there is nowhere left
// to go. Threads: none of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "admin/bake/guards.hpp"

namespace switchback::bake {

enum class Outcome : std::uint8_t {
  watching,
  clean,        // the window ended without an alarm
  warned,       // … with a warning, no more
  advised,      // would have gone back; mode advise, or a guard that a person has to weigh
  fired,        // went back
  interrupted,  // somebody switched before it ended, or there was nothing to judge it by
};
std::string_view to_string(Outcome outcome);
std::optional<Outcome> outcome_from(std::string_view text);

enum class Step : std::uint8_t {
  warn,     // tell: something is off (E >= 100)
  advise,   // tell, once: this is when auto would have gone back; mode advise
  blocked,  // tell: regressed, but a guard speaks against going back; again when the reason changes
  go_back,  // order an automatic rollback
  page,     // tell, once: what was gone back to is bad as well
  over,     // the window has ended; nothing follows
};

struct Watched {
  std::string service, flip, release;
  Color color = Color::blue;
  release::FlipKind kind = release::FlipKind::promote;
  std::int64_t since_wall_us = 0, until_wall_us = 0;
};

class Watch {
 public:
  explicit Watch(Watched watched) : watched_(std::move(watched)) {}

  std::vector<Step> second(const Situation& now);
  // The answer to go_back. `moved` false: why not; it is tried again at the next second that is
  // still bad, at most `tries` times.
  std::vector<Step> went_back(bool moved, const std::string& why);
  void overtaken() { going_back_ = false; }  // somebody switched first
  // What an earlier life saw of this window; 0: nothing. What is to be told is told again.
  void remember(std::int64_t warned_us, std::int64_t regressed_us, std::int64_t would_us);

  const Watched& watched() const { return watched_; }
  Outcome outcome() const { return outcome_; }
  bool over() const { return outcome_ != Outcome::watching || over_; }
  bool going_back() const { return going_back_; }
  const std::vector<Guard>& guards() const { return guards_; }     // of the newest second
  const std::string& objection() const { return objection_; }      // of the newest `blocked`
  std::int64_t warned_wall_us() const { return warned_wall_us_; }  // 0: not
  std::int64_t would_wall_us() const { return would_wall_us_; }    // first time it would have
  std::int64_t regressed_wall_us() const { return regressed_wall_us_; }

 private:
  static constexpr unsigned tries_ = 3;
  void end(const Situation& now, std::vector<Step>& steps);
  void regressed(const Situation& now, std::vector<Step>& steps);

  Watched watched_;
  Outcome outcome_ = Outcome::watching;
  bool over_ = false, going_back_ = false, paged_ = false, advised_ = false, judged_ = false;
  unsigned tried_ = 0;
  std::vector<Guard> guards_;
  std::string objection_;
  std::int64_t warned_wall_us_ = 0, would_wall_us_ = 0, regressed_wall_us_ = 0;
};

}  // namespace switchback::bake
