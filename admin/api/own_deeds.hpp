// What switchback does by itself, as entries of the audit chain: no call brings these there.
//
// An automatic rollback (done or refused), a release quarantined, taken out of it or lost, a hold
// that ended, a flip that an earlier life was killed at, an alarm of a bake.
#pragma once

#include <optional>

#include "admin/events/event.hpp"
#include "admin/ledger/audit.hpp"

namespace switchback::api {

// nullopt: no deed, or a person's, which is recorded with the call.
std::optional<ledger::AuditEntry> own_deed(const events::Event& event, std::int64_t now_us);

}  // namespace switchback::api
