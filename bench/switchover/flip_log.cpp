#include "bench/switchover/flip_log.hpp"

#include <algorithm>
#include <cstdio>

namespace switchback::bench {

const char* to_string(Fault fault) {
  constexpr const char* names[fault_count] = {"connect", "tls",    "closed",  "cut",
                                              "garbled", "status", "refused", "timeout"};
  return names[static_cast<std::size_t>(fault)];
}

FlipLog::FlipLog(Color active, std::size_t lanes, Clock clock)
    : clock_(clock), first_(active), lanes_(lanes) {}

// ---------------------------------------------------------------- the load's side

Ticket FlipLog::begin(std::size_t lane, Nanos meant) {
  const std::lock_guard lock(mutex_);
  ++open_;
  return {flips_answered_, static_cast<std::uint16_t>(lane), meant, clock_()};
}

Color FlipLog::active_after(std::uint32_t flips) const {
  return flips == 0 ? first_ : flips_[flips - 1].to;
}

bool FlipLog::allowed(const Ticket& ticket, Color color) const {
  if (color == active_after(ticket.flips_answered)) return true;
  for (std::size_t i = ticket.flips_answered; i < flips_.size(); ++i) {
    if (flips_[i].to == color) return true;
  }
  return false;
}

void FlipLog::close(const Ticket& ticket) {
  --open_;
  if (ticket.flips_answered < flips_answered_ && open_before_ > 0) --open_before_;
}

void FlipLog::end(const Ticket& ticket, Color color) {
  const std::lock_guard lock(mutex_);
  const Nanos now = clock_();
  close(ticket);
  auto& lane = lanes_[ticket.lane];
  ++lane.answered;
  ++answers_;
  lane.latency.add(now - ticket.meant);
  timeline_.answer(color, now);
  const bool stale = !allowed(ticket, color);
  if (stale) {
    ++lane.stale;
    ++bad_;
  }
  if (flips_.empty()) return;
  auto& flip = flips_.back();
  if (color == flip.to) {
    if (!flip.first_new) flip.first_new = now;
  } else {
    flip.last_old_begun = std::max(flip.last_old_begun.value_or(ticket.begun), ticket.begun);
    flip.last_old_ended = now;
  }
  if (!stale) return;
  ++flip.stale;
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(),
                "stale: flip %zu to %s: begun %.3f ms after its answer, answered by %s",
                flips_.size(), to_string(flip.to).data(),
                static_cast<double>(ticket.begun - flip.answered) / 1e6, to_string(color).data());
  complain(text.data());
}

void FlipLog::end_unjudged(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  close(ticket);
  auto& lane = lanes_[ticket.lane];
  ++lane.unjudged;
  lane.latency.add(clock_() - ticket.meant);
}

void FlipLog::fail(const Ticket& ticket, Fault fault, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  close(ticket);
  note_failure(ticket.lane, fault, detail, clock_());
}

void FlipLog::fail(std::size_t lane, Fault fault, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  note_failure(lane, fault, detail, clock_());
}

void FlipLog::note_failure(std::size_t lane, Fault fault, const std::string& detail, Nanos now) {
  ++lanes_[lane].failed;
  ++lanes_[lane].faults[static_cast<std::size_t>(fault)];
  ++bad_;
  std::string text = std::string("failed: ") + to_string(fault);
  if (!detail.empty()) text += ": " + detail;
  if (!flips_.empty()) {
    ++flips_.back().failed;
    std::array<char, 80> when{};
    std::snprintf(when.data(), when.size(), ", %.3f ms after the command of flip %zu",
                  static_cast<double>(now - flips_.back().commanded) / 1e6, flips_.size());
    text += when.data();
  }
  complain(std::move(text));
}

void FlipLog::complain(std::string text) {
  if (complaints_.size() < complaints_kept) complaints_.push_back(std::move(text));
}

void FlipLog::late(std::size_t lane, std::uint64_t requests) {
  const std::lock_guard lock(mutex_);
  lanes_[lane].late += requests;
}

// ---------------------------------------------------------------- the flipper's side

void FlipLog::command(Color to, bool measured) {
  const std::lock_guard lock(mutex_);
  FlipRecord flip;
  flip.from = active_after(flips_answered_);
  flip.to = to;
  flip.measured = measured;
  flip.commanded = clock_();
  timeline_.command(to, flip.commanded);
  flips_.push_back(flip);
}

void FlipLog::answered(Nanos answer_at) {
  const std::lock_guard lock(mutex_);
  flips_.back().answered = answer_at;
  flips_answered_ = static_cast<std::uint32_t>(flips_.size());
  open_before_ = open_;
}

// The flip stays unanswered: its target stays allowed beside the color active before.
void FlipLog::refused() {
  const std::lock_guard lock(mutex_);
  flips_.back().measured = false;
}

void FlipLog::stages(const ReceiptStages& stages) {
  const std::lock_guard lock(mutex_);
  flips_.back().receipt = stages;
}

bool FlipLog::settled() const {
  const std::lock_guard lock(mutex_);
  return open_before_ == 0 && (flips_.empty() || flips_.back().first_new.has_value());
}

std::uint64_t FlipLog::bad() const {
  const std::lock_guard lock(mutex_);
  return bad_;
}

std::uint64_t FlipLog::answers() const {
  const std::lock_guard lock(mutex_);
  return answers_;
}

std::uint64_t FlipLog::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

std::vector<FlipRecord> FlipLog::flips() const {
  const std::lock_guard lock(mutex_);
  return flips_;
}

std::vector<LaneCounts> FlipLog::lanes() const {
  const std::lock_guard lock(mutex_);
  return lanes_;
}

std::vector<std::string> FlipLog::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

Timeline FlipLog::timeline() const {
  const std::lock_guard lock(mutex_);
  Timeline out = timeline_;
  out.finish(clock_());
  return out;
}

}  // namespace switchback::bench
