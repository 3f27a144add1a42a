#include "tests/e2e/fault_table.hpp"

#include <algorithm>
#include <cstdio>
#include <mutex>

namespace switchback::test {

namespace {

class Table {
 public:
  ~Table() { print(); }
  void add(const FaultRow& row) {
    const std::lock_guard lock(mutex_);
    const auto same = std::find_if(rows_.begin(), rows_.end(),
                                   [&](const auto& one) { return one.row.fault == row.fault; });
    if (same == rows_.end()) {
      rows_.push_back({row, 1});
      return;
    }
    FaultRow& known = same->row;
    ++same->times;
    known.switched_ms = std::max(known.switched_ms, row.switched_ms);
    known.answer_ms = std::max(known.answer_ms, row.answer_ms);
    known.durable = known.durable && row.durable;
    known.answered += row.answered;
    known.failed += row.failed;
    known.stale += row.stale;
    known.reported.insert(row.reported.begin(), row.reported.end());
  }

 private:
  struct Line {
    FaultRow row;
    unsigned times;
  };
  void print() const {
    if (rows_.empty()) return;
    std::printf(
        "\nfault table: a rollback at full load, while …\n"
        "%-44s %5s %11s %9s %7s %9s %6s %5s  %s\n",
        "fault", "times", "switched ms", "answer ms", "durable", "answered", "failed", "stale",
        "reported | made good");
    for (const auto& [row, times] : rows_) {
      std::string reported;
      for (const auto& one : row.reported) reported += (reported.empty() ? "" : ", ") + one;
      std::printf("%-44s %5u %11.2f %9.2f %7s %9llu %6llu %5llu  %s | %s\n", row.fault.c_str(),
                  times, row.switched_ms, row.answer_ms, row.durable ? "yes" : "no",
                  static_cast<unsigned long long>(row.answered),
                  static_cast<unsigned long long>(row.failed),
                  static_cast<unsigned long long>(row.stale),
                  reported.empty() ? "-" : reported.c_str(), row.made_good.c_str());
    }
    std::fflush(stdout);
  }
  std::mutex mutex_;
  std::vector<Line> rows_;
};

}  // namespace

void add_to_fault_table(const FaultRow& row) {
  static Table table;
  table.add(row);
}

}  // namespace switchback::test
