#include "proxy/mirror/mirror.hpp"

#include "proxy/http/forwarded.hpp"

namespace switchback::mirror {

void Mirror::configure(const Setup& setup) {
  if (!setup.rules) {
    stop();
    return;
  }
  rules_ = setup.rules;
  // A snapshot may be older than the last switch (names of servers change by themselves).
  if (!run_ || run_->number < setup.run->number) run_ = setup.run;
  runtime_.taps = this;
}

void Mirror::begin_run(std::shared_ptr<Run> run) {
  if (run_) run_ = std::move(run);
}

void Mirror::stop() {
  if (runtime_.taps == this) runtime_.taps = nullptr;
  for (const auto& copy : all_) copy->stop();
  run_ = nullptr;
  unlink();
}

bool Mirror::draw() {
  if (context_.shutting_down) return false;
  if (rules_->percent >= 100) return true;
  const std::uint64_t random = context_.request_ids.random().next() >> 32;
  return random * 100 >> 32 < rules_->percent;
}

bool Mirror::may_copy_method(const http::RequestHead& head) const {
  if (head.method != http::Method::other) {
    return (rules_->method_mask >> static_cast<unsigned>(head.method)) & 1u;
  }
  for (const std::string& name : rules_->methods) {
    if (name == head.method_text) return true;
  }
  return false;
}

Skip Mirror::judge(const exchange::TapSubject& subject) const {
  const http::RequestHead& head = subject.head;
  if (subject.epoch != run_->epoch || subject.color == run_->target) {
    return subject.preview ? Skip::preview : Skip::switching;
  }
  if (subject.preview) return Skip::preview;
  if (subject.waited) return Skip::paused;
  if (head.upgrade || head.method == http::Method::connect) return Skip::upgrade;
  if (!may_copy_method(head)) return Skip::method;
  if (head.expect_continue) return Skip::expect;
  if (head.body != http::BodyKind::none &&
      (head.body != http::BodyKind::length || head.content_length > rules_->body)) {
    return Skip::body;
  }
  for (const http::Field& field : head.fields) {
    if (field.id == http::FieldId::other && http::is_mirror_mark(field.name())) return Skip::mark;
  }
  return Skip::count_;
}

bool Mirror::take_slot() {
  std::atomic<unsigned>& in_flight = run_->totals->in_flight;
  unsigned taken = in_flight.load(std::memory_order_relaxed);
  while (taken < rules_->in_flight) {  // never above the limit, not even for a moment
    if (in_flight.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

exchange::Tap* Mirror::begin(const exchange::TapSubject& subject) {
  Run& run = *run_;
  Skip why = judge(subject);
  if (why == Skip::count_ && !take_slot()) why = Skip::busy;
  count(run, [why](Counts& counts) {
    counts.sampled.add();
    if (why != Skip::count_) counts.skipped[static_cast<std::size_t>(why)].add();
  });
  if (why != Skip::count_) return nullptr;
  if (free_.empty()) {
    all_.push_back(std::make_unique<Copy>(*this));
    free_.push_back(all_.back().get());
  }
  Copy* copy = free_.back();
  free_.pop_back();
  if (copy->begin(subject, run_)) return copy;
  count(run, [](Counts& c) { c.skipped[static_cast<std::size_t>(Skip::head)].add(); });
  take_back(*copy, run_);
  return nullptr;
}

void Mirror::take_back(Copy& copy, std::shared_ptr<Run> run) {
  if (copy.waiting_) {
    (copy.previous_ ? copy.previous_->next_ : first_waiting_) = copy.next_;
    (copy.next_ ? copy.next_->previous_ : last_waiting_) = copy.previous_;
    copy.waiting_ = false;
  }
  run->totals->in_flight.fetch_sub(1, std::memory_order_relaxed);
  free_.push_back(&copy);
}

void Mirror::wait_to_read(Copy& copy) {
  copy.waiting_ = true;
  copy.previous_ = last_waiting_;
  copy.next_ = nullptr;
  (last_waiting_ ? last_waiting_->next_ : first_waiting_) = &copy;
  last_waiting_ = &copy;
  reactor().defer(*this);
}

void Mirror::on_deferred() {
  for (int i = 0; i < reads_per_turn && first_waiting_; ++i) {
    Copy& copy = *first_waiting_;
    first_waiting_ = copy.next_;
    (first_waiting_ ? first_waiting_->previous_ : last_waiting_) = nullptr;
    copy.waiting_ = false;
    copy.read_on();
  }
  if (first_waiting_) reactor().defer(*this);
}

}  // namespace switchback::mirror
