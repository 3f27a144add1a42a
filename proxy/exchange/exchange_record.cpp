// What is left of a request when it is over: counters, histograms, the access record.
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange {

void Exchange::record_stats() {
  if (reason_ != http::Reason::none && reason_ != counted_reason_) context_.count(reason_);
  if (!claimed_) return;
  stats::ColorStats& stats = color_stats();
  const Nanos now = context_.reactor.now_ns();
  const std::size_t status_class = status_ / 100;
  stats.by_status_class[status_class < stats.by_status_class.size() ? status_class : 0].add();
  if (status_ >= 400 || reason_ != http::Reason::none) [[unlikely]]
    note_outcome();
  if (bytes_in_) stats.bytes_in.add(bytes_in_);
  if (bytes_out_) stats.bytes_out.add(bytes_out_);
  stats.total.record(now - begun_ns_);
  if (first_byte_ns_) stats.first_byte.record(first_byte_ns_);
}

void Exchange::record_access(drain::Outcome outcome) {
  log::AccessRecord record;
  record.wall_us = wall_us_;
  record.wait_ns = claimed_ns_ - begun_ns_ + queue_wait_ns_;
  record.connect_ns = connect_ns_;
  record.first_byte_ns = first_byte_ns_;
  record.total_ns = context_.reactor.now_ns() - begun_ns_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.status = status_;
  record.retries = retries_;
  record.minor_version = head_->minor_version;
  record.reason = reason_;
  std::optional<net::IpText> named;
  record.client = down_->client_ip();
  if (named_) [[unlikely]] {
    named.emplace(client_.ip);
    record.peer = std::exchange(record.client, named->view());
  }
  const TlsFacts tls = down_->tls();
  record.tls_version = tls.version;
  record.tls_cipher = tls.cipher;
  record.tls_name = tls.name;
  record.method = head_->method_text;
  record.host = head_->authority;
  record.target = head_->target;
  record.request_id = request_id_view_;
  record.trace_id = trace_id();
  if (runtime_) record.service = service().name;
  if (claimed_) {
    record.has_color = true;
    record.color = color();
    record.epoch = epoch();
    record.traffic_class = drain::to_string(traffic_class());
    record.server = {server_name_.data(), server_name_size_};
  }
  if (const http::Field* agent = head_->find(http::FieldId::user_agent)) {
    record.user_agent = agent->value();
  }
  if (const http::Field* referer = head_->find(http::FieldId::referer)) {
    record.referer = referer->value();
  }
  std::array<char, 192> cause;
  if (error_number_ != 0) record.detail = ::strerror_r(error_number_, cause.data(), cause.size());
  if (cause_ != nullptr) {
    record.detail = http::describe(cause_, cause_place_, cause.data(), cause.size());
  }
  if (phase_ == Phase::tunnel && record.detail.empty()) record.detail = tunnel_detail();
  if (reason_ == http::Reason::no_server) {
    record.detail = runtime_->pools[index_of(color())]->unresolved();
  }
  if (claimed_ && record.detail.empty() && runtime_->pools[index_of(color())]->in_panic()) {
    record.detail = "pool_panic";
  }
  if (outcome == drain::Outcome::forced && record.detail.empty()) record.detail = "drain deadline";
  if (!context_.access->push(record)) context_.stats->access_dropped.add();
}

}  // namespace switchback::exchange
