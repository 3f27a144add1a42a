#include "admin/verify/checks.hpp"

#include <algorithm>

namespace switchback::verify {

void CheckBoard::set_probes(Probes probes) {
  probes_ = std::move(probes);
  rows_.assign(probes_.size(), {});
}

void CheckBoard::set_servers(const std::vector<std::string>& servers) {
  servers_ = servers;
  for (auto& row : rows_) {
    std::erase_if(row, [&](const auto& entry) {
      return std::find(servers.begin(), servers.end(), entry.first) == servers.end();
    });
  }
}

void CheckBoard::record(std::size_t probe, const std::string& server, const Judged& answer) {
  if (probe >= rows_.size()) return;
  if (std::find(servers_.begin(), servers_.end(), server) == servers_.end()) return;
  auto& window = rows_[probe][server];
  window.last = answer.result;
  window.answered = answer.answered;
  window.ok = window.last.ok;
  window.latency_us = answer.latency_us;
  window.results.push_back(window.ok);
  while (window.results.size() > probes_[probe]->pass_of) window.results.pop_front();
  ++window.since_mark;
  window.good_since_mark = window.good_since_mark || window.ok;
  window.wrong_in_row = window.ok || !window.answered ? 0 : window.wrong_in_row + 1;
  if (!window.ok) window.failure = window.last;
}

void CheckBoard::mark() {
  for (auto& row : rows_) {
    for (auto& [server, window] : row) {
      window.since_mark = window.wrong_in_row = 0;
      window.good_since_mark = false;
    }
  }
}

bool CheckBoard::holds(const ProbePlan& probe, const Window& window, By by) const {
  if (by == By::newest) return window.ok;
  const auto good = std::count(window.results.begin(), window.results.end(), true);
  return window.good_since_mark && static_cast<unsigned>(good) >= probe.pass_needed;
}

std::vector<CheckReport> CheckBoard::reports(By by) const {
  std::vector<CheckReport> out;
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    const auto& probe = *probes_[i];
    CheckReport report;
    report.name = probe.name;
    report.answered = !servers_.empty() && rows_[i].size() == servers_.size();
    report.ok = probe.missing.empty() && report.answered;
    for (const auto& [server, window] : rows_[i]) {
      const bool good = holds(probe, window, by);
      report.answered = report.answered && window.answered;
      report.runs += static_cast<unsigned>(window.results.size());
      report.passes +=
          static_cast<unsigned>(std::count(window.results.begin(), window.results.end(), true));
      report.latency_us = std::max(report.latency_us, window.latency_us);
      if (good && report.observed.empty()) {
        report.observed = window.last.observed;
        report.expected = window.last.expected;
      }
      if (good || !report.server.empty()) continue;
      report.ok = false;
      report.server = server;
      const auto& shown = window.ok ? window.failure : window.last;
      report.observed = shown.observed;
      report.expected = shown.expected;
      if (window.ok && shown.observed.empty()) report.observed = "not good often enough yet";
    }
    if (!report.ok && report.server.empty()) {
      report.observed = !probe.missing.empty() ? probe.missing
                        : servers_.empty()     ? "no healthy server to ask"
                                               : "not asked yet";
    }
    out.push_back(std::move(report));
  }
  return out;
}

Identity CheckBoard::identity() const {
  bool seen = false;
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    if (!probes_[i]->identity || !probes_[i]->missing.empty()) continue;
    for (const auto& [server, window] : rows_[i]) {
      if (window.answered && !window.ok) return Identity::differs;
      seen = seen || window.ok;
    }
  }
  return seen ? Identity::matches : Identity::unknown;
}

bool CheckBoard::proved_wrong() const {
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    const unsigned enough = std::max(wrong_is_proof, probes_[i]->pass_of);
    for (const auto& [server, window] : rows_[i])
      if (!window.good_since_mark && window.wrong_in_row >= enough) return true;
  }
  return false;
}

bool CheckBoard::answered_wrongly() const {
  return std::any_of(rows_.begin(), rows_.end(), [](const Row& row) {
    return std::any_of(row.begin(), row.end(),
                       [](const auto& entry) { return entry.second.answered && !entry.second.ok; });
  });
}

}  // namespace switchback::verify
