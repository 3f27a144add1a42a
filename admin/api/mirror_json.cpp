#include "admin/api/mirror_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cstdio>

#include "admin/events/receipt_json.hpp"

namespace switchback::api {

namespace json = boost::json;
using mirror::Verdict;

namespace {

template <class Enum, std::size_t N>
json::object by_name(const std::array<std::uint64_t, N>& counts) {
  json::object out;
  for (std::size_t i = 0; i < N; ++i) out[mirror::name_of(static_cast<Enum>(i))] = counts[i];
  return out;
}

double ms(std::uint64_t us) {
  return static_cast<double>(us) / 1000;
}
double ms_of_ns(Nanos ns) {
  return static_cast<double>(ns / 1000) / 1000;
}

json::value latency(const mirror::LatencyView& view) {
  if (view.count() == 0) return nullptr;
  return json::object{{"p50", ms(view.percentile_us(0.5))},
                      {"p90", ms(view.percentile_us(0.9))},
                      {"p99", ms(view.percentile_us(0.99))}};
}

// Bytes of a target that are no UTF-8 would make the whole answer unreadable.
std::string ascii(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out.push_back(c);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    }
  }
  return out;
}

std::string hex(std::uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

template <class Value>
json::object two_sides(Value active, Value standby) {
  return {{"active", active}, {"standby", standby}};
}

json::value status_of(std::uint16_t status) {
  return status == 0 ? json::value() : json::value(status);
}

json::value latency_of(Nanos ns) {
  return ns == 0 ? json::value() : json::value(ms_of_ns(ns));
}

json::object sample_object(const mirror::View& view, const mirror::Sample& sample) {
  json::object out{{"at", events::rfc3339(sample.wall_us)},
                   {"method", ascii({sample.method, sample.method_size})},
                   {"target", ascii({sample.target, sample.target_size})},
                   {"request_id", ascii({sample.id, sample.id_size})},
                   {"result", mirror::name_of(sample.verdict)},
                   {"slower", sample.slower},
                   {"status", two_sides(status_of(sample.status[0]), status_of(sample.status[1]))},
                   {"latency_ms",
                    two_sides(latency_of(sample.latency_ns[0]), latency_of(sample.latency_ns[1]))}};
  // Where a side failed, the other may not have ended when that was clear.
  const bool whole = sample.verdict <= Verdict::body;
  out["bytes"] = whole ? two_sides(sample.bytes[0], sample.bytes[1]) : two_sides(nullptr, nullptr);
  out["hash"] =
      whole ? two_sides(hex(sample.hash[0]), hex(sample.hash[1])) : two_sides(nullptr, nullptr);
  if (sample.header < view.headers.size()) out["header"] = view.headers[sample.header].first;
  if (sample.verdict == Verdict::copy_failed) out["cause"] = mirror::name_of(sample.fault);
  return out;
}

}  // namespace

json::object mirror_object(const std::string& service, const mirror::View& view) {
  json::object out{{"service", service}, {"percent", view.percent}, {"in_flight", view.in_flight}};
  if (view.percent == 0) return out;
  const Color active = other(view.target);
  const mirror::CountsView& run = view.run;
  out["standby"] = to_string(view.target);
  out["active"] = to_string(active);
  out["releases"] =
      two_sides(view.releases[index_of(active)], view.releases[index_of(view.target)]);
  out["epoch"] = view.epoch;
  out["since"] = events::rfc3339(view.since_wall_us);
  out["sampled"] = run.sampled;
  out["copies"] = run.copies;
  out["not_copied"] = by_name<mirror::Skip>(run.skipped);
  out["compared"] = run.compared();
  out["results"] = by_name<Verdict>(run.ended);
  out["failures"] = by_name<mirror::Fault>(run.faults);
  out["dropped"] = by_name<mirror::Drop>(run.drops);
  out["slower"] = run.slower;
  out["bytes"] = run.bytes;
  json::object headers;
  for (const auto& [name, count] : view.headers) headers[name] = count;
  out["headers"] = std::move(headers);
  out["latency_ms"] = two_sides(latency(run.latency[0]), latency(run.latency[1]));
  json::array samples;
  for (const mirror::Sample& sample : view.samples) samples.push_back(sample_object(view, sample));
  out["samples"] = std::move(samples);
  return out;
}

json::value mirror_summary(const mirror::View& view) {
  if (view.percent == 0) return nullptr;
  const mirror::CountsView& run = view.run;
  return json::object{{"percent", view.percent},
                      {"standby", to_string(view.target)},
                      {"since", events::rfc3339(view.since_wall_us)},
                      {"compared", run.compared()},
                      {"equal", run.of(Verdict::equal)},
                      {"copy_failed", run.of(Verdict::copy_failed)}};
}

}  // namespace switchback::api
