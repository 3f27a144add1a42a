// What the servers of one color have answered to the probes of a plan: newest answers, the rules
// "K of the newest N", identity. Sans-IO.
//
// Windows go on over a switch (a standby that passed its checks has those passes), but each check
// has to be answered well at least once after it (`mark`).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/verify/plan.hpp"
#include "admin/verify/verifier.hpp"

namespace switchback::verify {

using Probes = std::vector<std::shared_ptr<const ProbePlan>>;

class CheckBoard {
 public:
  // Wrong answers in a row, none good since the mark, that prove a check wrong before the deadline.
  static constexpr unsigned wrong_is_proof = 5;

  // Another plan or release: what was answered before says nothing any more.
  void set_probes(Probes probes);
  const Probes& probes() const { return probes_; }
  // Servers that are asked now; others are forgotten.
  void set_servers(const std::vector<std::string>& servers);
  void record(std::size_t probe, const std::string& server, const Judged& answer);
  void mark();  // a switch

  // By the newest answers (standing), or by the rules since the mark.
  enum class By { newest, rule };
  std::vector<CheckReport> reports(By by) const;
  Identity identity() const;
  bool proved_wrong() const;      // a check was answered wrongly, again and again
  bool answered_wrongly() const;  // the newest answer of one is wrong, not missing

 private:
  struct Window {
    std::deque<bool> results;
    CheckResult last, failure;
    std::uint64_t latency_us = 0;
    bool ok = false, answered = false;
    unsigned since_mark = 0, wrong_in_row = 0;
    bool good_since_mark = false;
  };
  using Row = std::map<std::string, Window>;  // by server
  bool holds(const ProbePlan& probe, const Window& window, By by) const;
  Probes probes_;
  std::vector<Row> rows_;
  std::vector<std::string> servers_;
};

}  // namespace switchback::verify
