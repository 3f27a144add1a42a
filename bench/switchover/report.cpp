#include "bench/switchover/report.hpp"

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>

namespace switchback::bench {

namespace json = boost::json;

namespace {

double in_ms(Nanos time) {
  return std::round(static_cast<double>(time) / 1000) / 1000;
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 256> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, args...);
  return buffer.data();
}

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

// Three significant digits or so: more would only look precise.
std::string short_ms(double ms) {
  const double size = std::abs(ms);
  return print(size < 10 ? "%.3f" : size < 100 ? "%.2f" : "%.1f", ms);
}

struct Row {
  const char* words;
  const char* key;
  Summary Figures::*summary;
};
constexpr Row rows[] = {
    {"the answer", "answer", &Figures::answer},
    {"the first answer of the new color", "first_new", &Figures::first_new},
    {"the last request begun on the old one", "last_old_begun", &Figures::last_old_begun},
    {"drained: the last old answer is here", "drained", &Figures::drained},
    {"written to the disk, by the receipt", "receipt_persisted", &Figures::receipt_persisted},
    {"switched, by the receipt", "receipt_switched", &Figures::receipt_switched},
    {"drained, by the receipt", "receipt_drained", &Figures::receipt_drained},
    {"verified, by the receipt", "receipt_verified", &Figures::receipt_verified},
};

std::string render_flips(const Result& result, const Figures& figures) {
  std::string out = print("%-40s%9s%9s%9s%9s%8s\n", "ms from the command to", "p50", "p90", "p99",
                          "max", "flips");
  for (const auto& row : rows) {
    const auto& s = figures.*row.summary;
    if (s.count == 0) continue;
    out += print("  %-38s%9s%9s%9s%9s%8s\n", row.words, short_ms(s.p50).c_str(),
                 short_ms(s.p90).c_str(), short_ms(s.p99).c_str(), short_ms(s.max).c_str(),
                 grouped(s.count).c_str());
  }
  if (result.facts.backend_delay_ms > 0) {
    out +=
        print("  (the servers take %g ms for an answer; it is within the second and fourth row)\n",
              result.facts.backend_delay_ms);
  }
  return out;
}

std::string render_requests(const Result& result) {
  std::string out = print("%-24s%11s%8s%8s%11s%9s%9s%9s\n", "requests", "answered", "failed",
                          "stale", "ms: p50", "p90", "p99", "max");
  for (std::size_t i = 0; i < result.lanes.size(); ++i) {
    const auto& lane = result.lanes[i];
    const auto& h = lane.latency;
    out += print("  %-22s%11s%8s%8s%11s%9s%9s%9s\n", result.facts.lanes[i].name.c_str(),
                 grouped(lane.answered + lane.unjudged).c_str(), grouped(lane.failed).c_str(),
                 grouped(lane.stale).c_str(), short_ms(in_ms(h.at(50))).c_str(),
                 short_ms(in_ms(h.at(90))).c_str(), short_ms(in_ms(h.at(99))).c_str(),
                 short_ms(in_ms(h.max())).c_str());
  }
  return out;
}

std::string render_closing(const Result& result, const Figures& figures) {
  std::string out;
  for (const auto& line : result.complaints) out += "  " + line + "\n";
  if (result.complaints.size() == complaints_kept) out += "  ... (only the first are kept)\n";
  if (figures.unjudged > 0) {
    out += grouped(figures.unjudged) + " answers did not say their color: they are not judged.\n";
  }
  if (figures.late > 0) {
    out += grouped(figures.late) +
           " requests were never sent: the load is more than the target, or this machine, can "
           "take.\n";
  }
  if (result.end.interrupted) out += "Ended early, on request.\n";
  if (!result.end.stopped.empty()) out += "Ended early: " + result.end.stopped + "\n";
  const auto flips = grouped(figures.answer.count) + " " + result.facts.kind +
                     (figures.answer.count == 1 ? "" : "s");
  out += "\n" + flips + ", " + grouped(figures.answered + figures.failed) +
         " requests: " + grouped(figures.failed) + " failed, " + grouped(figures.stale) +
         " stale.\n";
  return out;
}

json::object summary_object(const Summary& s) {
  return {{"count", s.count}, {"p50", s.p50}, {"p90", s.p90}, {"p99", s.p99}, {"max", s.max}};
}

json::array numbers(const std::vector<double>& values) {
  return json::array(values.begin(), values.end());
}

json::object lane_object(const LaneTitle& title, const LaneCounts& lane) {
  json::object faults;
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (lane.faults[i] > 0) faults[to_string(static_cast<Fault>(i))] = lane.faults[i];
  }
  const auto& h = lane.latency;
  return {{"name", title.name},
          {"url", title.url},
          {"answered", lane.answered},
          {"failed", lane.failed},
          {"stale", lane.stale},
          {"unjudged", lane.unjudged},
          {"never_sent", lane.late},
          {"faults", std::move(faults)},
          {"latency_ms", json::object{{"p50", in_ms(h.at(50))},
                                      {"p90", in_ms(h.at(90))},
                                      {"p99", in_ms(h.at(99))},
                                      {"max", in_ms(h.max())}}}};
}

json::object around_object(const Timeline& timeline) {
  json::array from, to, over;
  for (const auto& bin : timeline.sums()) {
    const double flips = bin.flips > 0 ? static_cast<double>(bin.flips) : 1;
    from.push_back(static_cast<double>(bin.from) / flips);
    to.push_back(static_cast<double>(bin.to) / flips);
    over.push_back(bin.flips);
  }
  return {{"first_ms", -Timeline::before_ms},
          {"step_ms", 1},
          {"flips", std::move(over)},
          {"old_answers", std::move(from)},
          {"new_answers", std::move(to)}};
}

}  // namespace

Figures figures_of(const Result& result) {
  Figures out;
  std::vector<double> begun, persisted, switched, drained, verified;
  for (const auto& flip : result.flips) {
    if (!flip.measured || flip.answered == 0) continue;
    out.answers.push_back(in_ms(flip.answered - flip.commanded));
    if (flip.first_new) out.first_news.push_back(in_ms(*flip.first_new - flip.commanded));
    if (flip.last_old_begun) begun.push_back(in_ms(*flip.last_old_begun - flip.commanded));
    // Nothing was on the old color any more: it was drained when the command came.
    const Nanos ended = flip.last_old_ended.value_or(flip.commanded);
    out.draineds.push_back(in_ms(ended - flip.commanded));
    if (flip.receipt.persisted) persisted.push_back(*flip.receipt.persisted);
    if (flip.receipt.switched) switched.push_back(*flip.receipt.switched);
    if (flip.receipt.drained) drained.push_back(*flip.receipt.drained);
    if (flip.receipt.verified) verified.push_back(*flip.receipt.verified);
  }
  out.answer = summarize(out.answers);
  out.first_new = summarize(out.first_news);
  out.last_old_begun = summarize(std::move(begun));
  out.drained = summarize(out.draineds);
  out.receipt_persisted = summarize(std::move(persisted));
  out.receipt_switched = summarize(std::move(switched));
  out.receipt_drained = summarize(std::move(drained));
  out.receipt_verified = summarize(std::move(verified));
  for (const auto& lane : result.lanes) {
    out.answered += lane.answered + lane.unjudged;
    out.failed += lane.failed;
    out.stale += lane.stale;
    out.unjudged += lane.unjudged;
    out.late += lane.late;
  }
  return out;
}

std::string verdict_of(const Result& result, const Figures& figures) {
  if (figures.failed + figures.stale > 0) return "failed";
  if (!result.end.restored) return "not restored";
  if (result.end.interrupted) return "interrupted";
  const bool all = figures.answer.count == result.facts.flips_wanted;
  return all && figures.unjudged == 0 && figures.answered > 0 ? "clean" : "unproved";
}

std::string render_text(const Result& result, const Figures& figures) {
  return render_flips(result, figures) + "\n" + render_requests(result) +
         render_closing(result, figures);
}

json::object render_json(const Result& result, const Figures& figures) {
  json::object ms, each;
  for (const auto& row : rows) ms[row.key] = summary_object(figures.*row.summary);
  each["answer"] = numbers(figures.answers);
  each["first_new"] = numbers(figures.first_news);
  each["drained"] = numbers(figures.draineds);
  json::array lanes;
  for (std::size_t i = 0; i < result.lanes.size(); ++i) {
    lanes.push_back(lane_object(result.facts.lanes[i], result.lanes[i]));
  }
  const auto& facts = result.facts;
  json::object out{{"subject", facts.subject},
                   {"service", facts.service},
                   {"kind", facts.kind},
                   {"flips", figures.answer.count},
                   {"flips_wanted", facts.flips_wanted},
                   {"rate", facts.rate},
                   {"connections", facts.connections},
                   {"pause_ms", facts.pause_ms},
                   {"verdict", verdict_of(result, figures)},
                   {"requests", figures.answered + figures.failed},
                   {"failed", figures.failed},
                   {"stale", figures.stale},
                   {"unjudged", figures.unjudged},
                   {"never_sent", figures.late},
                   {"interrupted", result.end.interrupted},
                   {"stopped", result.end.stopped},
                   {"active", std::string(to_string(result.end.active))},
                   {"restored", result.end.restored},
                   {"ms_from_command", std::move(ms)},
                   {"lanes", std::move(lanes)},
                   {"around_a_flip", around_object(result.timeline)},
                   {"each_flip_ms", std::move(each)}};
  if (facts.backend_delay_ms >= 0) out["backend_delay_ms"] = facts.backend_delay_ms;
  out["complaints"] = json::array(result.complaints.begin(), result.complaints.end());
  return out;
}

}  // namespace switchback::bench
