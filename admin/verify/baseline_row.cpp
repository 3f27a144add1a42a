#include "admin/verify/baseline_row.hpp"

#include <boost/json.hpp>

namespace switchback::verify {

namespace json = boost::json;

namespace {

constexpr std::int64_t day_us = 86'400'000'000;
constexpr std::int64_t minute_us = 60'000'000;  // clocks of one machine differ by less

// Latencies as [bucket, count] where there are any: a release uses few of the buckets.
json::object slice_object(const Baseline::Slice& slice) {
  json::array streams, latencies;
  for (const auto& stream : slice.counts.streams)
    streams.push_back(json::array{stream.requests, stream.bad});
  for (std::size_t b = 0; b < slice.counts.latencies.size(); ++b)
    if (const auto n = slice.counts.latencies[b]; n != 0) latencies.push_back(json::array{b, n});
  return {{"seconds", slice.seconds},
          {"end", slice.end_wall_us},
          {"streams", std::move(streams)},
          {"latencies", std::move(latencies)}};
}

std::optional<std::uint64_t> number(const json::value* value) {
  boost::system::error_code error;
  if (!value || !value->is_number()) return std::nullopt;
  const auto out = value->to_number<std::uint64_t>(error);
  return error ? std::nullopt : std::optional(out);
}

// [a, b] of whole numbers.
std::optional<std::pair<std::uint64_t, std::uint64_t>> pair_of(const json::value& value) {
  const auto* array = value.if_array();
  if (!array || array->size() != 2) return std::nullopt;
  const auto a = number(&array->at(0)), b = number(&array->at(1));
  if (!a || !b) return std::nullopt;
  return std::pair(*a, *b);
}

std::optional<Baseline::Slice> slice_from(const json::value& value) {
  const auto* object = value.if_object();
  if (!object) return std::nullopt;
  const auto seconds = number(object->if_contains("seconds"));
  const auto end = number(object->if_contains("end"));
  const auto* streams = object->if_contains("streams");
  const auto* latencies = object->if_contains("latencies");
  if (!seconds || !end || !streams || !streams->is_array() || !latencies || !latencies->is_array())
    return std::nullopt;
  Baseline::Slice slice;
  slice.seconds = *seconds;
  slice.end_wall_us = static_cast<std::int64_t>(*end);
  for (const auto& one : streams->get_array()) {
    const auto counts = pair_of(one);
    if (!counts || counts->second > counts->first) return std::nullopt;
    slice.counts.streams.push_back({counts->first, counts->second});
  }
  for (const auto& one : latencies->get_array()) {
    const auto bucket = pair_of(one);
    if (!bucket || bucket->first >= slice.counts.latencies.size()) return std::nullopt;
    slice.counts.latencies[bucket->first] = bucket->second;
  }
  return slice;
}

}  // namespace

ledger::Row to_row(const SavedBaseline& saved) {
  json::array slices;
  for (const auto& slice : saved.slices) slices.push_back(slice_object(slice));
  return {ledger::Table::baseline,
          {saved.service, std::string(to_string(saved.color)), saved.plan_sha, saved.release,
           json::serialize(slices), saved.at_wall_us}};
}

std::optional<SavedBaseline> baseline_from_row(const ledger::Row& row) {
  SavedBaseline out;
  out.service = row.text(0);
  out.color = row.text(1) == "green" ? Color::green : Color::blue;
  out.plan_sha = row.text(2);
  out.release = row.text(3);
  out.at_wall_us = row.integer(5);
  boost::system::error_code error;
  const auto slices = json::parse(row.text(4), error);
  if (error || !slices.is_array()) return std::nullopt;
  for (const auto& one : slices.get_array()) {
    auto slice = slice_from(one);
    if (!slice) return std::nullopt;
    out.slices.push_back(std::move(*slice));
  }
  return out;
}

std::vector<Baseline::Slice> usable_slices(SavedBaseline saved, const std::string& plan_sha,
                                           const std::string& release, bool active,
                                           std::int64_t window_us, std::int64_t now_wall_us) {
  const bool other_release = !saved.release.empty() && !release.empty() && saved.release != release;
  if (saved.plan_sha != plan_sha || other_release) return {};
  if (!active && saved.at_wall_us < now_wall_us - day_us) return {};
  std::erase_if(saved.slices, [&](const Baseline::Slice& slice) {
    const bool old = active && slice.end_wall_us < now_wall_us - window_us;
    return old || slice.end_wall_us > now_wall_us + minute_us;
  });
  return std::move(saved.slices);
}

}  // namespace switchback::verify
