// What of a service's verification outlives the process: baselines, and the watch over a release.
#include "admin/verify/service_verifier.hpp"

namespace switchback::verify {

void ServiceVerifier::restore(SavedBaseline saved) {
  if (!rules_) return;
  const Color color = saved.color;
  const auto view = around_.plane.view(name_);
  const bool active = view && view->active == color;
  const auto window_us = plan_->traffic->baseline.window.count() * 1000;
  baselines_[index_of(color)].put_before(usable_slices(std::move(saved), plan_sha_,
                                                       around_.facts(name_, color).version, active,
                                                       window_us, wall_us()));
}

void ServiceVerifier::resume(const release::Receipt& newest) {
  if (!plan_ || watch_ || !newest.moved) return;
  const auto view = around_.plane.view(name_);
  if (!view || view->active != newest.to) return;
  const auto length_us = std::max(bake_.length, plan_->deadline).count() * 1000;
  const auto left_us = newest.wall_us + length_us - wall_us();
  if (left_us <= 0 || left_us > length_us) return;
  active_ = newest.to;
  const bool back = newest.kind != release::FlipKind::promote;
  const Nanos now = monotonic_ns();
  // What came since the flip is not what the release is compared with.
  judged_by_ = baselines_[index_of(back ? newest.to : newest.from)].total(newest.wall_us);
  watched_flip_ = newest.flip;
  open_watch(newest, now);
  if (!watch_) return;
  watch_->begun_wall_us = newest.wall_us;
  watch_->ends_ns = now + left_us * 1000;
}

void ServiceVerifier::save_at_end() {
  if (!rules_) return;
  sample(monotonic_ns());
  baselines_[index_of(active_)].add(unsaved_, 1, wall_us());
  unsaved_ = {};
  save_baseline(active_);
}

void ServiceVerifier::save_baseline(Color color) {
  if (!rules_) return;
  const auto& slices = baselines_[index_of(color)].slices();
  if (color == active_) unsaved_seconds_ = 0;
  around_.write_baseline({name_,
                          color,
                          plan_sha_,
                          around_.facts(name_, color).version,
                          {slices.begin(), slices.end()},
                          wall_us()});
}

}  // namespace switchback::verify
