// What the loop and the way of writing for it cost: CPU microseconds of the proxy thread per
// request, for a forwarder that does nothing else (docs/adr/0001-event-loop.md).
//
//   bench_event_loop [--connections N] [--response BYTES] [--requests N] [--rounds N] [--form abc]
//
// The forms take turns within each round, and start each round with another one, so that a slow
// minute of the machine meets them all. The last columns are ratios to form (a) within the same
// round; their spread says how much of a difference is noise.
#include <algorithm>
#include <cstring>
#include <thread>

#include "bench/micro/event_loop_forwarders.hpp"

using namespace switchback;
using namespace switchback::bench;

namespace {

constexpr const char* form_names[] = {
    "(a) callbacks on net::Reactor",
    "(b) asio::awaitable on net::Reactor",
    "(c) asio::awaitable on io_context",
};
constexpr std::size_t form_count = 3;

std::unique_ptr<Forwarder> make(std::size_t form, const Plan& plan, net::OpenedListener& front,
                                const net::OpenedListener& back) {
  if (form == 0) return std::make_unique<CallbackForwarder>(plan, front, back);
  if (form == 1) return std::make_unique<ReactorCoroutineForwarder>(plan, front, back);
  return std::make_unique<StockCoroutineForwarder>(plan, front, back);
}

double run_window(std::size_t form, const Plan& plan) {
  net::OpenedListener front = listen_anywhere();
  double cpu_us = 0;
  {
    Peers peers(plan);
    std::unique_ptr<Forwarder> forwarder = make(form, plan, front, peers.backend());
    std::thread proxy([&] {
      pin_to_core(0);
      forwarder->run();
    });
    clockid_t proxy_clock;
    must(::pthread_getcpuclockid(proxy.native_handle(), &proxy_clock) == 0, "no thread clock");
    cpu_us = peers.run(front, proxy_clock);
    forwarder->stop();
    proxy.join();
  }
  close_listener(front);
  return cpu_us;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

std::string spread(std::vector<double> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  char text[64];
  std::snprintf(text, sizeof text, "%.2f..%.2f", *low, *high);
  return text;
}

void report(const Plan& plan, const std::vector<double> (&cpu_us)[form_count]) {
  std::printf("%zu connections, %zu B up, %zu B down, %llu requests a window, %d rounds\n",
              plan.connections, plan.request_bytes, plan.response_bytes,
              static_cast<unsigned long long>(plan.measured), plan.rounds);
  std::printf("%-38s %10s %14s %10s %14s\n", "", "CPU us/req", "lowest..highest", "ratio", "");
  for (std::size_t form = 0; form < form_count; ++form) {
    if (cpu_us[form].empty()) continue;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(cpu_us[form].size(), cpu_us[0].size()); ++i) {
      ratios.push_back(cpu_us[form][i] / cpu_us[0][i]);
    }
    std::printf("%-38s %10.2f %14s", form_names[form], median(cpu_us[form]),
                spread(cpu_us[form]).c_str());
    if (!ratios.empty()) std::printf(" %10.2f %14s", median(ratios), spread(ratios).c_str());
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  std::string forms = "abc";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const char* value = argv[i + 1];
    if (option == "--connections")
      plan.connections = std::strtoull(value, nullptr, 10);
    else if (option == "--response")
      plan.response_bytes = std::strtoull(value, nullptr, 10);
    else if (option == "--requests")
      plan.measured = std::strtoull(value, nullptr, 10);
    else if (option == "--rounds")
      plan.rounds = std::atoi(value);
    else if (option == "--form")
      forms = value;
    else
      fail("options: --connections --response --requests --rounds --form");
  }
  must(plan.response_bytes > 0 && plan.response_bytes <= 64 * 1024, "--response is 1..65536");
  pin_to_core(1);
  std::vector<double> cpu_us[form_count];
  for (int round = 0; round < plan.rounds; ++round) {
    for (std::size_t i = 0; i < form_count; ++i) {
      const std::size_t form = (i + static_cast<std::size_t>(round)) % form_count;
      if (forms.find(static_cast<char>('a' + form)) == std::string::npos) continue;
      cpu_us[form].push_back(run_window(form, plan));
    }
  }
  report(plan, cpu_us);
}
