#include "admin/ledger/migrations.hpp"

namespace switchback::ledger {
namespace {

// (service, epoch) is indexed but not unique: a state folder restored from an old copy gives
// epochs a second time, and a ledger writes down what happened instead of arguing with it.
constexpr Migration all[] = {
    {1, R"sql(
CREATE TABLE flip(
  id TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  kind TEXT NOT NULL,
  from_color TEXT NOT NULL,
  to_color TEXT NOT NULL,
  from_release TEXT NOT NULL,
  to_release TEXT NOT NULL,
  actor TEXT NOT NULL,
  auth TEXT NOT NULL,
  reason TEXT NOT NULL,
  idem_key TEXT NOT NULL,
  state TEXT NOT NULL,
  moved INTEGER NOT NULL,
  durable INTEGER NOT NULL,
  forced INTEGER NOT NULL,
  superseded INTEGER NOT NULL,
  t_decided INTEGER,
  t_persisted INTEGER,
  t_switched INTEGER,
  t_first_new INTEGER,
  t_last_old INTEGER,
  t_drained INTEGER,
  t_verified INTEGER,
  wall_requested INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  receipt TEXT NOT NULL
);
CREATE INDEX flip_by_service ON flip(service, epoch);
CREATE TABLE idempotency(
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY(principal, key)
);
CREATE INDEX idempotency_by_expiry ON idempotency(expires_at);
)sql"},
    {2, R"sql(
CREATE TABLE release(
  service TEXT NOT NULL,
  version TEXT NOT NULL,
  git_commit TEXT, first_commit_at INTEGER, deployed_by TEXT, commits INTEGER, lines INTEGER,
  unplanned INTEGER, contract_sha TEXT, reversible TEXT, migration_id TEXT,
  state TEXT NOT NULL,
  color TEXT,
  registered_at INTEGER NOT NULL,
  quarantined_reason TEXT,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY(service, version)
);
CREATE TABLE verification(
  id TEXT PRIMARY KEY,
  flip TEXT, service TEXT NOT NULL, plan_sha TEXT NOT NULL, phase TEXT NOT NULL,
  verdict TEXT NOT NULL, begun_at INTEGER NOT NULL, ended_at INTEGER
);
CREATE INDEX verification_by_flip ON verification(flip);
CREATE TABLE check_result(
  verification TEXT NOT NULL,
  name TEXT NOT NULL,
  ok INTEGER NOT NULL, observed TEXT, expected TEXT, latency_us INTEGER, passes INTEGER,
  runs INTEGER,
  PRIMARY KEY(verification, name)
);
CREATE TABLE verdict(
  id TEXT PRIMARY KEY,
  service TEXT NOT NULL, flip TEXT, kind TEXT NOT NULL, subject_release TEXT,
  value TEXT NOT NULL, evidence_json TEXT NOT NULL, at INTEGER NOT NULL, acted TEXT
);
CREATE INDEX verdict_by_service ON verdict(service, at);
CREATE TABLE readiness_gap(
  service TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER, question TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(service, from_at)
);
CREATE TABLE hold(
  service TEXT NOT NULL,
  placed_at INTEGER NOT NULL,
  actor TEXT NOT NULL, reason TEXT NOT NULL, until_at INTEGER, lifted_at INTEGER, lifted_by TEXT,
  PRIMARY KEY(service, placed_at)
);
CREATE TABLE principal(
  name TEXT PRIMARY KEY,
  auth TEXT NOT NULL, role TEXT NOT NULL, first_seen_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL, last_operated_at INTEGER
);
CREATE TABLE token(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL, role TEXT NOT NULL, services_json TEXT, sha256 TEXT NOT NULL,
  created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER,
  revoked_at INTEGER, revoked_by TEXT, last_used_at INTEGER
);
CREATE TABLE null_flip(
  service TEXT NOT NULL,
  hour_at INTEGER NOT NULL,
  runs INTEGER NOT NULL, failures INTEGER NOT NULL, histogram_json TEXT NOT NULL,
  PRIMARY KEY(service, hour_at)
);
CREATE TABLE drill(
  id TEXT PRIMARY KEY,
  service TEXT NOT NULL, env TEXT NOT NULL, plan_sha TEXT, executor TEXT NOT NULL,
  steps_json TEXT NOT NULL, result TEXT NOT NULL, total_ms INTEGER, at INTEGER NOT NULL
);
CREATE TABLE incident(
  id TEXT PRIMARY KEY,
  service TEXT NOT NULL, opened_at INTEGER NOT NULL, closed_at INTEGER, cause_flip TEXT,
  notes_json TEXT
);
CREATE TABLE audit(
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL, auth TEXT NOT NULL, source TEXT NOT NULL, action TEXT NOT NULL,
  text TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
)sql"},
    {3, R"sql(
ALTER TABLE release ADD COLUMN configured TEXT;
CREATE TABLE capacity(
  service TEXT NOT NULL,
  color TEXT NOT NULL,
  peak_rps_per_server REAL NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(service, color)
);
)sql"},
    {4, R"sql(
CREATE TABLE baseline(
  service TEXT NOT NULL,
  color TEXT NOT NULL,
  plan_sha TEXT NOT NULL,
  release TEXT NOT NULL,
  slices_json TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(service, color)
);
)sql"},
};

}  // namespace

std::span<const Migration> migrations() {
  return all;
}

}  // namespace switchback::ledger
