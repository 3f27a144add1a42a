// bench_load: the load generator for what wrk cannot do: fixed rates without coordinated omission,
// full and resumed TLS handshakes, request bodies, and thousands of idle connections.
//
//   bench_load --port P [--path /1k] [--method POST --body BYTES] [--connections N] [--rate R]
//              [--seconds S] [--tls] [--close] [--resume]
//
// It opens its connections, prints one line of JSON, waits for a line on stdin, measures, prints
// a second line of JSON, and ends with stdin; so that whoever started it can look at the server
// exactly before and after. With --seconds 0 the connections stay idle between the two lines.
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "run.hpp"

namespace {

[[noreturn]] void usage(const char* why) {
  std::fprintf(
      stderr,
      "bench_load: %s\nusage: bench_load --port P [--path PATH] [--method M] [--body BYTES]\n"
      "  [--connections N] [--rate PER_SECOND] [--seconds S] [--tls] [--close] [--resume]\n",
      why);
  std::exit(2);
}

load::Options read_options(int argc, char** argv) {
  load::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> const char* {
      if (++i >= argc) usage("a value is missing");
      return argv[i];
    };
    if (name == "--port")
      options.port = std::atoi(value());
    else if (name == "--path")
      options.path = value();
    else if (name == "--method")
      options.method = value();
    else if (name == "--body")
      options.body_bytes = std::strtoul(value(), nullptr, 10);
    else if (name == "--connections")
      options.connections = static_cast<unsigned>(std::atoi(value()));
    else if (name == "--rate")
      options.rate = std::atof(value());
    else if (name == "--seconds")
      options.seconds = std::atof(value());
    else if (name == "--tls")
      options.tls = true;
    else if (name == "--close")
      options.close = true;
    else if (name == "--resume")
      options.resume = true;
    else
      usage("unknown option");
  }
  if (options.port <= 0 || options.connections == 0) usage("--port and --connections are needed");
  return options;
}

void allow_many_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

double percentile_us(std::vector<std::int64_t>& values, double share) {
  if (values.empty()) return 0;
  const auto last = static_cast<double>(values.size() - 1);
  const auto nth = values.begin() + static_cast<long>(share * last);
  std::nth_element(values.begin(), nth, values.end());
  return static_cast<double>(*nth) / 1000;
}

void print(const load::Seen& seen) {
  std::vector<std::int64_t> latencies = seen.latencies_ns;
  std::printf(
      "{\"good\":%lu,\"bad_status\":%lu,\"failed\":%lu,\"unanswered\":%lu,\"unsent\":%lu,"
      "\"reconnects\":%lu,\"resumed\":%lu,\"standing\":%lu,\"seconds\":%.3f,\"tls\":\"%s\"",
      seen.good, seen.bad_status, seen.failed, seen.unanswered, seen.unsent, seen.reconnects,
      seen.resumed, seen.standing, seen.seconds, seen.tls.c_str());
  for (const auto& [name, share] :
       {std::pair{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}})
    std::printf(",\"%s\":%.1f", name, percentile_us(latencies, share));
  std::printf(",\"max_us\":%.1f}\n", percentile_us(latencies, 1));
  std::fflush(stdout);
}

void await_line() {
  int c = 0;
  while ((c = std::getchar()) != EOF && c != '\n') {
  }
}

}  // namespace

int main(int argc, char** argv) {
  const load::Options options = read_options(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  ::prctl(PR_SET_TIMERSLACK, 1);  // 50 µs by default, which would stand in every latency
  load::Run run(options);
  const unsigned stand = run.warm_up();
  std::printf("{\"standing\":%u,\"session\":%s}\n", stand, load::have_session() ? "true" : "false");
  std::fflush(stdout);
  await_line();
  if (options.seconds > 0) run.measure();
  run.count_standing();
  print(run.seen());
  await_line();
}
