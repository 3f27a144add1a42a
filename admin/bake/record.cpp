#include "admin/bake/record.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace switchback::bake {
namespace {

namespace json = boost::json;
constexpr std::int64_t day_us = 24LL * 3600 * 1'000'000;

// Columns of the verdict table: id, service, flip, kind, subject_release, value, evidence_json, at,
// acted.
enum Column { id, service, flip, kind, subject, value, evidence, at, acted };
constexpr std::string_view row_kind = "bake";

std::int64_t whole(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_int64() ? found->as_int64() : 0;
}

std::string text(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_string() ? std::string(found->as_string()) : std::string();
}

bool ended(const Record& record) {
  return record.outcome != Outcome::watching;
}

AuditLine judge_one(Record record, const std::vector<release::Receipt>& receipts,
                    std::int64_t now_wall_us) {
  AuditLine line{std::move(record)};
  const Record& watched = line.record;
  for (const auto& receipt : receipts) {
    const std::int64_t after = receipt.wall_us - watched.since_wall_us;
    if (receipt.service != watched.service || !receipt.moved || after < 0 || after > day_us ||
        receipt.kind != release::FlipKind::rollback || receipt.from != watched.color) {
      continue;
    }
    // A rollback much later belongs to a later promote of the same color, if there was one.
    const bool of_another = std::any_of(receipts.begin(), receipts.end(), [&](const auto& other) {
      return other.service == watched.service && other.moved && other.flip != watched.flip &&
             other.to == watched.color && other.wall_us > watched.since_wall_us &&
             other.wall_us < receipt.wall_us;
    });
    if (of_another) continue;
    line.person_went_back = true;
    line.person_after_us = after;
  }
  using Judgement = AuditLine::Judgement;
  const bool would = watched.would_wall_us != 0;
  if (line.person_went_back) {
    line.judgement = would ? Judgement::confirmed : Judgement::missed;
  } else if (!would) {
    line.judgement = ended(watched) ? Judgement::quiet : Judgement::open;
  } else if (watched.outcome == Outcome::fired) {
    line.judgement = Judgement::confirmed;
  } else {
    // Somebody may still go back: no judgement before a day has passed.
    line.judgement =
        now_wall_us - watched.since_wall_us < day_us ? Judgement::open : Judgement::false_alarm;
  }
  return line;
}

std::string advice_for(const Audit& audit) {
  if (audit.false_alarms > 0) {
    return "Stay with advise: " + std::to_string(audit.false_alarms) +
           " of its alarms were for releases that nobody took back. Look at these, and at the "
           "streams' floor and tolerate.";
  }
  if (audit.watched < Audit::releases_needed) {
    return "Stay with advise: " + std::to_string(audit.watched) + " of the " +
           std::to_string(Audit::releases_needed) +
           " releases that it takes to judge it have been watched to the end.";
  }
  return "bake.mode: auto has earned its trust: " + std::to_string(audit.watched) +
         " releases watched, no false alarm.";
}

}  // namespace

ledger::Row to_row(const Record& r) {
  const json::object more{{"color", to_string(r.color)},
                          {"kind", events::to_string(r.kind)},
                          {"mode", r.mode == config::BakeMode::automatic ? "auto" : "advise"},
                          {"since", r.since_wall_us},
                          {"until", r.until_wall_us},
                          {"ended", r.ended_wall_us},
                          {"warned", r.warned_wall_us},
                          {"regressed", r.regressed_wall_us},
                          {"would", r.would_wall_us},
                          {"objections", r.objections},
                          {"rollback", r.rollback}};
  ledger::Row row{ledger::Table::verdict, std::vector<ledger::Value>(9)};
  row.values[id] = r.flip + "-bake";
  row.values[service] = r.service;
  row.values[flip] = r.flip;
  row.values[kind] = std::string(row_kind);
  row.values[subject] = r.release;
  row.values[value] = r.verdict;
  row.values[evidence] = json::serialize(more);
  row.values[at] = r.since_wall_us;
  row.values[acted] = std::string(to_string(r.outcome));
  return row;
}

std::optional<Record> record_from_row(const ledger::Row& row) {
  if (row.table != ledger::Table::verdict || row.text(kind) != row_kind) return std::nullopt;
  const auto outcome = outcome_from(row.text(acted));
  boost::system::error_code error;
  const json::value parsed = json::parse(row.text(evidence), error);
  if (error || !parsed.is_object() || !outcome) return std::nullopt;
  const json::object& more = parsed.as_object();
  Record r;
  r.service = row.text(service);
  r.flip = row.text(flip);
  r.release = row.text(subject);
  r.verdict = row.text(value);
  r.outcome = *outcome;
  r.color = text(more, "color") == "green" ? Color::green : Color::blue;
  r.kind = text(more, "kind") == "auto_rollback" ? release::FlipKind::auto_rollback
                                                 : release::FlipKind::promote;
  r.mode = text(more, "mode") == "auto" ? config::BakeMode::automatic : config::BakeMode::advise;
  r.since_wall_us = whole(more, "since");
  r.until_wall_us = whole(more, "until");
  r.ended_wall_us = whole(more, "ended");
  r.warned_wall_us = whole(more, "warned");
  r.regressed_wall_us = whole(more, "regressed");
  r.would_wall_us = whole(more, "would");
  r.objections = text(more, "objections");
  r.rollback = text(more, "rollback");
  return r;
}

Audit audit_of(std::vector<Record> records, const std::vector<release::Receipt>& receipts,
               std::int64_t now_wall_us) {
  std::sort(records.begin(), records.end(),
            [](const Record& a, const Record& b) { return a.since_wall_us > b.since_wall_us; });
  Audit audit;
  for (Record& record : records) {
    if (record.kind != release::FlipKind::promote) continue;
    AuditLine line = judge_one(std::move(record), receipts, now_wall_us);
    using Judgement = AuditLine::Judgement;
    // A window that somebody's next switch cut short has proved nothing.
    const bool cut_short =
        line.record.outcome == Outcome::interrupted && line.judgement == Judgement::quiet;
    if (line.judgement != Judgement::open && !cut_short) ++audit.watched;
    if (line.record.would_wall_us != 0) ++audit.would;
    if (line.judgement == Judgement::confirmed) ++audit.confirmed;
    if (line.judgement == Judgement::false_alarm) ++audit.false_alarms;
    if (line.judgement == Judgement::missed) ++audit.missed;
    audit.lines.push_back(std::move(line));
  }
  audit.recommend_automatic = audit.watched >= Audit::releases_needed && audit.false_alarms == 0;
  audit.advice = advice_for(audit);
  return audit;
}

}  // namespace switchback::bake
