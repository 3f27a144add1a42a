#include "admin/releases/null_flips.hpp"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <deque>
#include <map>
#include <random>
#include <thread>

#include "proxy/base/clock.hpp"

namespace switchback::releases {
namespace {

constexpr std::size_t hours_kept = 48;
constexpr std::int64_t hour_us = 3'600'000'000;

std::size_t bucket_of(double ms) {
  const auto us = static_cast<std::uint64_t>(std::max(0.0, ms * 1000));
  const auto width = static_cast<std::size_t>(std::bit_width(us));  // us < 2^width
  return std::clamp<std::size_t>(width, 4, 4 + null_flip_buckets - 1) - 4;
}

std::string counts_json(const NullFlipHour& hour) {
  boost::json::array counts;
  for (const auto count : hour.counts) counts.emplace_back(count);
  return boost::json::serialize(boost::json::object{{"first_bound_us", 16}, {"counts", counts}});
}

std::optional<NullFlipHour> hour_from_row(const ledger::Row& row) {
  NullFlipHour hour;
  hour.hour_wall_us = row.integer(1);
  hour.runs = static_cast<std::uint64_t>(row.integer(2));
  hour.failures = static_cast<std::uint64_t>(row.integer(3));
  boost::system::error_code ec;
  const auto text = row.text(4);
  const auto value = boost::json::parse(text, ec);
  const auto* object = ec ? nullptr : value.if_object();
  const auto* counts = object ? object->if_contains("counts") : nullptr;
  if (!counts || !counts->is_array()) return std::nullopt;
  for (std::size_t i = 0; i < std::min(counts->get_array().size(), hour.counts.size()); ++i) {
    const auto count = counts->get_array()[i].to_number<std::uint64_t>(ec);
    if (!ec) hour.counts[i] = count;
  }
  return hour;
}

}  // namespace

struct NullFlips::Impl : std::enable_shared_from_this<NullFlips::Impl> {
  struct Service {
    std::unique_ptr<boost::asio::steady_timer> timer;
    config::Duration period{0};
    std::uint64_t numbers = 0;
    std::optional<NullFlip> last, last_good;
    std::deque<NullFlipHour> hours;
    Totals totals;
  };

  Impl(boost::asio::io_context& context, release::Controller& c, events::Stream& s,
       ledger::Ledger& l)
      : io(context), controller(c), stream(s), ledger(l) {}

  void schedule(const std::string& name, bool first = false);
  void run(const std::string& name, std::function<void(const NullFlip&)> done);
  void finish(const std::string& name, NullFlip flip, Nanos begun_ns,
              const release::Rehearsal& found, const std::function<void(const NullFlip&)>& done);
  void count(const std::string& name, Service& service, const NullFlip& flip);
  void adopt(const std::vector<ledger::Row>& rows);

  boost::asio::io_context& io;
  release::Controller& controller;
  events::Stream& stream;
  ledger::Ledger& ledger;
  Permission permission;
  std::map<std::string, Service> services;
  std::minstd_rand random{std::random_device{}()};
  bool stopped = false;
};

// Between three quarters and five quarters of the period, so that services and instances do not
// keep step with each other, nor with what runs once a minute. The first comes soon: what was never
// rehearsed is not known.
void NullFlips::Impl::schedule(const std::string& name, bool first) {
  auto& service = services[name];
  service.timer.reset();
  const auto period = service.period;
  if (period.count() <= 0) return;
  const std::int64_t most =
      first ? std::min<std::int64_t>(period.count(), 2000) : period.count() * 5 / 4;
  std::uniform_int_distribution<std::int64_t> jitter(most * 3 / 5, most);
  service.timer = std::make_unique<boost::asio::steady_timer>(io, config::Duration(jitter(random)));
  service.timer->async_wait([weak = weak_from_this(), name](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || self->stopped) return;
    self->run(name, [weak, name](const NullFlip&) {
      const auto again = weak.lock();
      if (again && !again->stopped && again->services.count(name)) again->schedule(name);
    });
  });
}

void NullFlips::Impl::run(const std::string& name, std::function<void(const NullFlip&)> done) {
  NullFlip flip;
  flip.number = ++services[name].numbers;
  flip.wall_us = wall_us();
  const Nanos begun_ns = monotonic_ns();
  flip.at_ns = begun_ns;
  if (permission) flip.fault = permission(name);
  flip.stages.permitted = static_cast<double>(monotonic_ns() - begun_ns) / 1e6;
  if (!flip.fault.empty()) return finish(name, flip, begun_ns, {}, done);
  controller.rehearse(name, begun_ns,
                      [weak = weak_from_this(), name, flip, begun_ns,
                       done = std::move(done)](const release::Rehearsal& found) {
                        if (const auto self = weak.lock(); self && !self->stopped)
                          self->finish(name, flip, begun_ns, found, done);
                      });
}

void NullFlips::Impl::finish(const std::string& name, NullFlip flip, Nanos begun_ns,
                             const release::Rehearsal& found,
                             const std::function<void(const NullFlip&)>& done) {
  flip.ok = found.ok;
  flip.dropped = found.dropped;
  if (flip.fault.empty()) flip.fault = found.fault;
  flip.stages.decided = found.decided;
  flip.stages.persisted = found.persisted;
  flip.stages.switched = found.switched;
  auto& service = services[name];
  flip.ms = found.switched.value_or(0);
  if (!flip.dropped) count(name, service, flip);
  if (flip.ok) {
    flip.stages.recorded = static_cast<double>(monotonic_ns() - begun_ns) / 1e6;
    flip.ms = *flip.stages.recorded;
    service.last_good = flip;
    ++service.totals.good;
  } else if (flip.dropped) {
    ++service.totals.dropped;
  } else {
    ++service.totals.failed;
    stream.emit(events::RehearsalFailed{name, flip.fault});
  }
  if (!flip.dropped) service.last = flip;
  if (done) done(flip);
}

void NullFlips::Impl::count(const std::string& name, Service& service, const NullFlip& flip) {
  const std::int64_t hour = flip.wall_us - flip.wall_us % hour_us;
  auto& hours = service.hours;
  if (hours.empty() || hours.back().hour_wall_us < hour) hours.push_back({hour, 0, 0, {}});
  if (hours.size() > hours_kept) hours.pop_front();
  auto& now = hours.back();
  ++now.runs;
  if (flip.ok) {
    ++now.counts[bucket_of(flip.ms)];
  } else {
    ++now.failures;
  }
  ledger.put({ledger::Table::null_flip,
              {name, now.hour_wall_us, static_cast<std::int64_t>(now.runs),
               static_cast<std::int64_t>(now.failures), counts_json(now)}});
}

// Hours of earlier lives; of the current hour, what this life did already is added.
void NullFlips::Impl::adopt(const std::vector<ledger::Row>& rows) {
  for (const auto& row : rows) {
    const auto old = hour_from_row(row);
    if (!old || row.text(0).empty()) continue;
    auto& hours = services[row.text(0)].hours;
    const auto same = std::find_if(hours.begin(), hours.end(), [&](const auto& hour) {
      return hour.hour_wall_us == old->hour_wall_us;
    });
    if (same == hours.end()) {
      hours.push_back(*old);
      continue;
    }
    same->runs += old->runs;
    same->failures += old->failures;
    for (std::size_t i = 0; i < same->counts.size(); ++i) same->counts[i] += old->counts[i];
  }
  for (auto& [name, service] : services) {
    std::sort(service.hours.begin(), service.hours.end(),
              [](const auto& a, const auto& b) { return a.hour_wall_us < b.hour_wall_us; });
    while (service.hours.size() > hours_kept) service.hours.pop_front();
  }
}

NullFlips::NullFlips(boost::asio::io_context& io, release::Controller& controller,
                     events::Stream& stream, ledger::Ledger& ledger)
    : impl_(std::make_shared<Impl>(io, controller, stream, ledger)) {
  ledger.when_loaded(ledger::Table::null_flip,
                     [&io, weak = std::weak_ptr(impl_),
                      here = std::this_thread::get_id()](std::vector<ledger::Row> rows) {
                       const auto take = [weak, rows = std::move(rows)] {
                         if (const auto impl = weak.lock()) impl->adopt(rows);
                       };
                       if (std::this_thread::get_id() == here) return take();
                       boost::asio::post(io, take);
                     });
}

NullFlips::~NullFlips() {
  impl_->stopped = true;
  for (auto& [name, service] : impl_->services) service.timer.reset();
}

void NullFlips::set_permission(Permission permission) {
  impl_->permission = std::move(permission);
}

void NullFlips::set_periods(const std::map<std::string, config::Duration>& periods) {
  for (auto& [name, service] : impl_->services) {
    if (periods.count(name) != 0) continue;
    service.period = config::Duration(0);
    service.timer.reset();
  }
  for (const auto& [name, period] : periods) {
    auto& service = impl_->services[name];
    if (service.period == period) continue;
    service.period = period;
    impl_->schedule(name, true);
  }
}

config::Duration NullFlips::period(const std::string& service) const {
  const auto at = impl_->services.find(service);
  return at == impl_->services.end() ? config::Duration(0) : at->second.period;
}

void NullFlips::run(const std::string& service, std::function<void(const NullFlip&)> done) {
  impl_->run(service, std::move(done));
}

std::optional<NullFlip> NullFlips::last(const std::string& service) const {
  const auto at = impl_->services.find(service);
  return at == impl_->services.end() ? std::nullopt : at->second.last;
}

std::optional<NullFlip> NullFlips::last_good(const std::string& service) const {
  const auto at = impl_->services.find(service);
  return at == impl_->services.end() ? std::nullopt : at->second.last_good;
}

std::vector<NullFlipHour> NullFlips::hours(const std::string& service) const {
  const auto at = impl_->services.find(service);
  if (at == impl_->services.end()) return {};
  return {at->second.hours.begin(), at->second.hours.end()};
}

NullFlips::Totals NullFlips::totals(const std::string& service) const {
  const auto at = impl_->services.find(service);
  return at == impl_->services.end() ? Totals{} : at->second.totals;
}

}  // namespace switchback::releases
