#include "proxy/mirror/copy.hpp"

#include <algorithm>

#include "proxy/mirror/mirror.hpp"

namespace switchback::mirror {

using exchange::BodyPiece;
using exchange::Flow;
using http::FieldId;

namespace {

// As the exchange's traffic class `stream`: such an answer lasts as long as it likes.
bool is_stream(const http::ResponseHead& head) {
  const http::Field* type = head.find(FieldId::content_type);
  if (!type) return false;
  const auto begins = [&](std::string_view lower) {
    return http::iequals(type->value().substr(0, lower.size()), lower);
  };
  return begins("text/event-stream") || begins("application/grpc");
}

}  // namespace

bool Copy::begin(const exchange::TapSubject& subject, std::shared_ptr<Run> run) {
  if (!request_.take(mirror_.buffers(), subject.head, subject.additions)) return false;
  run_ = std::move(run);
  const bool told = subject.client && mirror_.pool(run_->target).names_clients();
  ends_ = told ? exchange::ends_of(*subject.client, subject.named) : net::Endpoints{};
  named_ = subject.named != nullptr;
  if (named_) client_ = *subject.named;
  original_.reset();
  answer_.reset();
  up_ = nullptr;
  original_over_ = original_failed_ = faulty_ = false;
  state_ = State::gathering;
  if (subject.whole) {
    request_whole();
  } else {
    arm();
  }
  return true;
}

void Copy::arm() {
  mirror_.reactor().timers().arm(*this, mirror_.reactor().now_ns() + mirror_.timeout_ns());
}

void Copy::request_whole() {
  state_ = State::ready;
  whole_ns_ = mirror_.reactor().now_ns();
  mirror_.reactor().defer(*this);  // behind the original, and behind everybody else's events
}

void Copy::on_request_body(const BodyPiece& piece) {
  if (state_ != State::gathering) return;
  if (!request_.add_body(mirror_.buffers(), piece, mirror_.body_limit())) {
    skip(Skip::body);
    return;
  }
  if (piece.end) request_whole();
}

void Copy::on_deferred() {
  if (state_ != State::ready) return;
  started_ns_ = mirror_.reactor().now_ns();
  arm();
  acquire();
}

void Copy::acquire() {
  exchange::UpstreamPool& pool = mirror_.pool(run_->target);
  exchange::AcquireWish wish;
  wish.head = &request_.head();
  wish.ends = &ends_;
  if (named_) wish.named = &client_;
  exchange::Acquired got = pool.acquire(*this, wish);
  if (got.status == exchange::AcquireStatus::ready && !got.upstream->verify_idle()) {
    // A copy is not repeated, and a connection that went stale is no fault of the release.
    got.upstream->release(false);
    wish.fresh = true;
    got = pool.acquire(*this, wish);
  }
  if (got.status == exchange::AcquireStatus::no_server) {
    skip(Skip::no_server);
    return;
  }
  state_ = State::running;
  mirror_.count(*run_, [](Counts& counts) { counts.copies.add(); });
  up_ = got.upstream;
  up_->leave_unjudged();
  if (got.status == exchange::AcquireStatus::ready) send();
}

void Copy::on_connected(exchange::Upstream& upstream) {
  up_ = &upstream;
  send();
}

void Copy::send() {
  if (request_.head().authority.empty()) {
    request_.additions().host = exchange::host_of_server(up_->server());
  }
  if (up_->send_request(request_.head(), request_.additions(), request_.body()) ==
      exchange::SendResult::failed) {
    copy_failed(Fault::closed);
  }
}

void Copy::on_connect_failed(http::Reason reason, int, std::string_view) {
  copy_failed(fault_of(reason));
}

void Copy::on_upstream_failed(http::Reason reason, int) {
  copy_failed(fault_of(reason));
}

void Copy::copy_failed(Fault fault) {
  faulty_ = true;
  fault_ = fault;
  if (up_) std::exchange(up_, nullptr)->release(false);
  settle();
}

// The standby's answer. One piece a turn: whoever is served by this worker comes in between.
Flow Copy::on_response(const http::ResponseHead* head, const BodyPiece& piece) {
  if (head) {
    if (head->status == 101) {  // nobody asked for it
      copy_failed(Fault::bad_answer);
      return Flow::over;
    }
    answer_.add_head(*head, run_->headers, mirror_.reactor().now_ns());
  }
  answer_.add_body(piece);
  if (!piece.end) {
    if (piece.bytes == 0) return Flow::proceed;
    mirror_.wait_to_read(*this);
    return Flow::pause;
  }
  std::exchange(up_, nullptr)->release(true);
  settle();
  return Flow::over;
}

void Copy::read_on() {
  if (up_) up_->resume_response();
}

void Copy::on_answer(const http::ResponseHead* head, const BodyPiece& piece) {
  if (head) {
    original_.add_head(*head, run_->headers, mirror_.reactor().now_ns());
    if (is_stream(*head)) {
      give_up(Drop::stream);
      return;
    }
  }
  original_.add_body(piece);
  if (!piece.end) {
    // A copy that has failed waits for one thing only: whether the original is answered at all.
    if (head && faulty_) settle();
    return;
  }
  original_over_ = true;
  let_go();
  if (state_ == State::gathering) {
    skip(Skip::unfinished);  // answered before the request was whole
  } else {
    settle();
  }
}

void Copy::on_exchange_end(exchange::TapEnd how) {
  if (how == exchange::TapEnd::failed && state_ == State::running) {
    original_over_ = original_failed_ = true;
    settle();
  } else {
    give_up(how == exchange::TapEnd::moved ? Drop::moved : Drop::client_gone);
  }
}

void Copy::on_timer() {
  if (state_ != State::running) {
    skip(Skip::unfinished);
  } else if (!original_.has_head() || answer_.ended()) {
    drop(Drop::slow);
  } else if (!answer_.has_head() || original_over_) {
    copy_failed(Fault::timeout);
  } else {
    drop(Drop::slow);
  }
}

void Copy::settle() {
  if (original_failed_) {
    keep_sample(Verdict::original_failed, no_header, false);
    end(Verdict::original_failed);
  } else if (faulty_ && original_.has_head()) {
    mirror_.count(*run_, [this](Counts& c) { c.faults[static_cast<std::size_t>(fault_)].add(); });
    keep_sample(Verdict::copy_failed, no_header, false);
    end(Verdict::copy_failed);
  } else if (answer_.ended() && original_over_) {
    judge();
  }
}

void Copy::judge() {
  const Comparison found(original_, answer_);
  const bool slower = is_slower(original_latency(), copy_latency());
  mirror_.count(*run_, [&](Counts& counts) {
    counts.latency[0].record(original_latency());
    counts.latency[1].record(copy_latency());
    if (slower) counts.slower.add();
  });
  if (found.header != no_header) mirror_.shard(*run_).header_differs[found.header].add();
  if (found.verdict != Verdict::equal || slower) keep_sample(found.verdict, found.header, slower);
  end(found.verdict);
}

Nanos Copy::original_latency() const {
  return original_.has_head() ? std::max<Nanos>(original_.head_ns() - whole_ns_, 1) : 0;
}

Nanos Copy::copy_latency() const {
  return answer_.has_head() ? std::max<Nanos>(answer_.head_ns() - started_ns_, 1) : 0;
}

void Copy::keep_sample(Verdict verdict, std::uint8_t header, bool slower) {
  Sample sample{};
  sample.wall_us = mirror_.wall_us();
  sample.verdict = verdict;
  sample.fault = fault_;
  sample.slower = slower;
  sample.header = header;
  const Answer* const sides[] = {&original_, &answer_};
  for (int side = 0; side < 2; ++side) {
    sample.status[side] = static_cast<std::uint16_t>(sides[side]->status());
    sample.bytes[side] = sides[side]->bytes();
    sample.hash[side] = sides[side]->body_hash();
  }
  sample.latency_ns[0] = original_latency();
  sample.latency_ns[1] = copy_latency();
  const http::RequestHead& head = request_.head();
  sample.method_size = static_cast<std::uint8_t>(put(sample.method, head.method_text));
  sample.target_size = static_cast<std::uint16_t>(put(sample.target, head.target));
  sample.id_size = static_cast<std::uint8_t>(put(sample.id, request_.original_id()));
  mirror_.shard(*run_).samples.push(sample);
}

void Copy::skip(Skip why) {
  mirror_.count(*run_, [why](Counts& c) { c.skipped[static_cast<std::size_t>(why)].add(); });
  release();
}

void Copy::drop(Drop why) {
  mirror_.count(*run_, [why](Counts& c) { c.drops[static_cast<std::size_t>(why)].add(); });
  end(Verdict::dropped);
}

void Copy::end(Verdict verdict) {
  mirror_.count(*run_, [&](Counts& counts) {
    counts.ended[static_cast<std::size_t>(verdict)].add();
    counts.bytes.add(answer_.bytes());
  });
  release();
}

// A copy that was not sent yet never was one.
void Copy::give_up(Drop why) {
  if (state_ == State::running) {
    drop(why);
  } else {
    skip(Skip::unfinished);
  }
}

void Copy::stop() {
  if (state_ != State::free) give_up(Drop::stopped);
}

void Copy::release() {
  let_go();
  if (up_) std::exchange(up_, nullptr)->release(false);
  mirror_.reactor().timers().disarm(*this);
  unlink();
  request_.clear();
  state_ = State::free;
  mirror_.take_back(*this, std::exchange(run_, nullptr));
}

}  // namespace switchback::mirror
