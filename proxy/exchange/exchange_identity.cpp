// Whose a request is: its client, its id and its trace, and the server's connection on which a
// server knows the client.
#include "proxy/exchange/exchange.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/http/traceparent.hpp"

namespace switchback::exchange {

using http::FieldId;

void Exchange::choose_identity() {
  if (runtime_ && runtime_->naming) know_client();
  const http::Field* sent = trusted_ ? head_->find(FieldId::x_request_id) : nullptr;
  if (sent && http::valid_request_id(sent->value())) {
    request_id_view_ = sent->value();
  } else {
    request_id_view_ = context_.request_ids.next(request_id_.data(), wall_us_);
  }
  traceparent_view_ = {};
  if (runtime_ && service().trace == config::Trace::begin) begin_trace();
}

void Exchange::begin_trace() {
  const http::Field* trace = head_->find(FieldId::traceparent);
  if (trace && http::valid_traceparent(trace->value())) return;
  http::Random& random = context_.request_ids.random();
  const bool sampled = random.next() % 100 < service().trace_percent;
  traceparent_view_ = http::begin_traceparent(traceparent_.data(), random, sampled);
}

// Only where somebody is trusted at all.
void Exchange::know_client() {
  const auto& trust = service().forwarded.trust;
  const auto& peer = *reinterpret_cast<const std::uint8_t(*)[16]>(down_->client_ip16());
  trusted_ = http::trusted(trust, peer);
  if (trusted_) {
    named_ = http::find_client(*head_, *runtime_->naming, trust, peer, client_);
  } else {
    http::drop_client_field(*head_, *runtime_->naming);
  }
}

// Of the trace that servers were told of, if any.
std::string_view Exchange::trace_id() const {
  if (!traceparent_view_.empty()) return http::trace_id_of(traceparent_view_);
  const http::Field* sent = head_->find(http::FieldId::traceparent);
  const bool valid = sent && http::valid_traceparent(sent->value());
  return valid ? http::trace_id_of(sent->value()) : std::string_view();
}

// The connection on which the server knows this client, where there is one.
bool Exchange::use_reserved() {
  Reservations* held = down_->reservations();
  if (!held || !held->any()) return false;
  if (!preview_) held->end(runtime_->pools[index_of(other(color()))]);  // a flip left it behind
  up_ = held->lend(runtime_->pools[index_of(color())], *this);
  if (!up_) return false;
  last_server_ = nullptr;
  send_request();
  return true;
}

void Exchange::keep_private() {
  Reservations* holder = down_->reservations();
  if (holder) holder->expect(runtime_->pools[index_of(color())]);
  up_->make_private(holder);
}

}  // namespace switchback::exchange
