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
};

}  // namespace

std::span<const Migration> migrations() {
  return all;
}

}  // namespace switchback::ledger
