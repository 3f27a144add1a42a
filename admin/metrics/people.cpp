#include "admin/metrics/people.hpp"

namespace switchback::metrics {

void people(Exposition& out, const PeopleCounts& counts) {
  const auto one = [&](const char* name, const char* type, const char* help, std::uint64_t value) {
    out.family(name, type, help);
    out.sample({}, value);
  };
  out.family("switchback_tokens", "gauge", "Tokens by state; expiring: within 14 days.");
  out.sample({{"state", "valid"}}, counts.tokens_valid);
  out.sample({{"state", "expiring"}}, counts.tokens_expiring);
  out.sample({{"state", "expired"}}, counts.tokens_expired);
  out.family("switchback_token_expires_days", "gauge",
             "Days until a token expires; tokens without an end are left out.");
  for (const auto& [name, days] : counts.token_days) out.sample({{"token", name}}, days);
  one("switchback_able_hands", "gauge", "People who hold operate or more.", counts.able_hands);
  one("switchback_proven_hands", "gauge", "Of these, who have moved traffic within 90 days.",
      counts.proven_hands);
  one("switchback_audit_queue", "gauge", "Rows waiting for the ledger, audit entries among them.",
      counts.audit_queued);
  one("switchback_audit_entries_total", "counter", "Audit entries since the start.",
      counts.audit_noted);
  one("switchback_audit_lost_total", "counter", "Audit entries lost for want of room.",
      counts.audit_lost);
  one("switchback_audit_summed_total", "counter",
      "Changes that changed nothing, counted in an entry instead of written.", counts.audit_summed);
  one("switchback_audit_seq", "gauge", "The newest entry of the audit chain.", counts.audit_seq);
}

}  // namespace switchback::metrics
