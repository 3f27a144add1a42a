// What a bad outcome leaves behind for those who judge releases. Good requests never get here.
#include <algorithm>

#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange {
namespace {

bool counts(const config::VerifyTraffic& traffic, unsigned status, http::Reason reason) {
  if (reason != http::Reason::none) return true;
  return std::any_of(traffic.streams.begin(), traffic.streams.end(), [&](const auto& stream) {
    const auto& spans = stream.bad.status;
    return std::any_of(spans.begin(), spans.end(), [&](const config::StatusSpan& span) {
      return status >= span.first && status <= span.last;
    });
  });
}

bool carries(const http::RequestHead& head, const std::string& name) {
  if (name.empty()) return false;
  return std::any_of(head.fields.begin(), head.fields.end(),
                     [&](const http::Field& field) { return http::iequals(field.name(), name); });
}

}  // namespace

void Exchange::note_outcome() {
  stats::OutcomeRing* ring = runtime_->stats->outcomes.get();
  const auto& verify = service().verify;
  if (ring == nullptr || !verify || !verify->traffic) return;
  if (!counts(*verify->traffic, status_, reason_)) return;
  stats::BadOutcome outcome;
  std::copy_n(named_ ? client_.ip.data() : down_->client_ip16(), outcome.client.size(),
              outcome.client.begin());
  outcome.status = status_;
  outcome.reason = reason_;
  outcome.color = color();
  outcome.marked = carries(*head_, verify->traffic->ignore.header);
  outcome.set_target(head_->target);
  ring->push(outcome);
}

}  // namespace switchback::exchange
