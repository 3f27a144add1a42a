#include "admin/metrics/mirror.hpp"

#include <array>

#include "admin/metrics/histogram.hpp"

namespace switchback::metrics {
namespace {

constexpr Color colors[] = {Color::blue, Color::green};

struct Mirrored {
  std::string service;
  mirror::View view;
};
using All = std::vector<Mirrored>;

template <class Each>
void each_target(const All& all, Each each) {
  for (const Mirrored& m : all) {
    for (const Color color : colors) {
      const mirror::CountsView& counts = m.view.totals[index_of(color)];
      if (counts.sampled > 0) each(m.service, to_string(color), counts);
    }
  }
}

void counter(Exposition& out, const All& all, const char* name, const char* help,
             std::uint64_t mirror::CountsView::*member) {
  out.family(name, "counter", help, zero);
  each_target(all, [&](const std::string& service, std::string_view color, const auto& counts) {
    out.sample({{"service", service}, {"color", color}}, counts.*member);
  });
}

template <class Enum, std::size_t N>
void by_name(Exposition& out, const All& all, const char* name, const char* label, const char* help,
             std::array<std::uint64_t, N> mirror::CountsView::*member) {
  out.family(name, "counter", help, zero);
  each_target(all, [&](const std::string& service, std::string_view color, const auto& counts) {
    for (std::size_t i = 0; i < N; ++i) {
      out.sample(
          {{"service", service}, {"color", color}, {label, mirror::name_of(static_cast<Enum>(i))}},
          (counts.*member)[i]);
    }
  });
}

void latencies(Exposition& out, const All& all, config::MetricsHistograms kind) {
  out.family("switchback_mirror_first_byte_seconds", histogram_type(kind),
             "From the whole request to the head of its answer, where both sides were compared.");
  each_target(all, [&](const std::string& service, std::string_view color, const auto& counts) {
    for (std::size_t side = 0; side < 2; ++side) {
      const std::string_view name = side == 0 ? "active" : "standby";
      const mirror::LatencyView& latency = counts.latency[side];
      histogram(out, {{"service", service}, {"color", color}, {"side", name}}, latency.buckets,
                latency.sum_us, kind);
    }
  });
}

}  // namespace

void mirror_metrics(Exposition& out, const worker::DataPlane& plane,
                    config::MetricsHistograms kind) {
  All all;
  for (const std::string& name : plane.services()) {
    if (auto view = plane.mirror_view(name, 0)) all.push_back({name, std::move(*view)});
  }
  out.family("switchback_mirror_percent", "gauge", "Share of requests that are copied.", zero);
  for (const Mirrored& m : all) {
    out.sample({{"service", m.service}}, std::uint64_t{m.view.percent});
  }
  out.family("switchback_mirror_in_flight", "gauge", "Copies under way.", zero);
  for (const Mirrored& m : all) out.sample({{"service", m.service}}, m.view.in_flight);
  counter(out, all, "switchback_mirror_sampled_total", "Requests chosen to be copied.",
          &mirror::CountsView::sampled);
  by_name<mirror::Skip>(out, all, "switchback_mirror_not_copied_total", "cause",
                        "Chosen requests that were not copied.", &mirror::CountsView::skipped);
  counter(out, all, "switchback_mirror_copies_total", "Copies sent.", &mirror::CountsView::copies);
  by_name<mirror::Verdict>(out, all, "switchback_mirror_results_total", "result",
                           "What the comparison of a copy's answer with the original's said.",
                           &mirror::CountsView::ended);
  by_name<mirror::Fault>(out, all, "switchback_mirror_failures_total", "cause",
                         "Copies that got no whole answer.", &mirror::CountsView::faults);
  by_name<mirror::Drop>(out, all, "switchback_mirror_dropped_total", "cause",
                        "Copies that were not compared.", &mirror::CountsView::drops);
  counter(out, all, "switchback_mirror_slower_total",
          "Copies that took more than twice as long and more than 50 ms longer.",
          &mirror::CountsView::slower);
  counter(out, all, "switchback_mirror_bytes_total", "Body bytes of copies' answers, thrown away.",
          &mirror::CountsView::bytes);
  latencies(out, all, kind);
}

}  // namespace switchback::metrics
