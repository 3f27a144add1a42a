// A soak: minutes of full load with rollbacks, promotes and reloads, while readiness is asked every
// second. Not part of a plain run:
//
//   SWITCHBACK_SOAK_MINUTES=10 fault_tests '[soak]'
//
// Prints the share of the time in which a rollback would have found everything ready, the gaps,
// what the program holds at the beginning and at the end, and readiness as an operator reads it.
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "tests/e2e/fault_scene.hpp"

using namespace switchback::test;

namespace {

constexpr unsigned rollback_every_s = 15, reload_every_s = 20;

double minutes() {
  const char* text = std::getenv("SWITCHBACK_SOAK_MINUTES");
  return text ? std::stod(text) : 2;
}

struct Holdings {
  long resident_kib = 0, threads = 0, descriptors = 0;
};

Holdings holdings_of(pid_t pid) {
  Holdings out;
  const std::string proc = "/proc/" + std::to_string(pid);
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) out.resident_kib = std::stol(line.substr(6));
    if (line.starts_with("Threads:")) out.threads = std::stol(line.substr(8));
  }
  const std::filesystem::directory_iterator descriptors(proc + "/fd");
  out.descriptors = static_cast<long>(std::distance(begin(descriptors), end(descriptors)));
  return out;
}

std::ostream& operator<<(std::ostream& out, const Holdings& h) {
  return out << h.resident_kib << " KiB resident, " << h.threads << " threads, " << h.descriptors
             << " descriptors";
}

// What one flip after the other took, command to switched by the program's clock.
struct Switches {
  std::vector<double> ms;
  void add(const boost::json::object& receipt) {
    ms.push_back(receipt.at("stages_ms").as_object().at("switched").to_number<double>());
  }
  std::string words() {
    std::sort(ms.begin(), ms.end());
    return std::to_string(ms.size()) + " switches, ms p50 " + std::to_string(ms[ms.size() / 2]) +
           " p99 " + std::to_string(ms[ms.size() * 99 / 100]) + " max " + std::to_string(ms.back());
  }
};

// Back, and forward again at once: what is not ready for less than three seconds is no gap.
void back_and_forth(FaultScene& scene, Switches& switches) {
  for (const std::string color : {"blue", "green"}) {
    scene.expect_any();
    const AdminAnswer answer =
        color == "blue" ? admin_call(scene.instance.socket(), "POST", "/v1/services/shop/rollback")
                        : flip_to(scene.instance.socket(), "green");
    INFO(boost::json::serialize(answer.body));
    REQUIRE(answer.status == 200);
    REQUIRE(answer.body.at("to").as_string() == color);
    scene.expect(color);
    switches.add(answer.body);
  }
}

}  // namespace

TEST_CASE("soak", "[.soak]") {
  FaultOptions options;
  options.instance.service_more =
      "    null_flip: 5s\n"
      "    verify:\n"
      "      probes: [{name: health, get: /healthz, expect: {status: 200}}]\n"
      "      paired_probes: {rate: 4/s}\n"
      "      traffic: {streams: {error: {bad: [5xx], floor: 0.2%, tolerate: 1%}}}\n"
      "    bake: {for: 10s, mode: auto}\n";
  FaultScene scene("soak", options);
  scene.begin();
  Switches switches;
  back_and_forth(scene, switches);
  const auto readiness_now = [&] {
    return admin_call(scene.instance.socket(), "GET", "/v1/services/shop/readiness").body;
  };
  // A program that has just started has measured nothing yet, and says so.
  REQUIRE(until([&] { return readiness_now().at("overall").as_string() != "NOT READY"; }));
  const pid_t pid = scene.instance.process->pid();
  const Holdings before = holdings_of(pid);
  std::map<std::string, unsigned> overall;
  const Moment begun = std::chrono::steady_clock::now();
  unsigned reloads = 0;
  std::string gaps;  // the seconds in which it was not ready
  for (unsigned second = 1; ms_since(begun) < minutes() * 60'000; ++second) {
    const auto due = std::chrono::seconds(5) + std::chrono::seconds(second);
    REQUIRE(until([&] { return ms_since(begun) >= second * 1000.0; }, due));
    const auto now = admin_call(scene.instance.socket(), "GET", "/v1/services/shop/readiness").body;
    ++overall[std::string(now.at("overall").as_string())];
    if (second % rollback_every_s == 0) back_and_forth(scene, switches);
    if (second % reload_every_s == 0) {
      scene.instance.process->signal(SIGHUP);
      ++reloads;
    }
  }
  const Holdings after = holdings_of(pid);
  const Finished readiness = scene.instance.cli({"readiness", "shop"});
  scene.storm().stop();
  unsigned asked = 0;
  for (const auto& [grade, count] : overall) asked += count;
  std::cout << "soak: " << ms_since(begun) / 60'000 << " minutes, " << scene.storm().answers()
            << " answers, " << scene.storm().failed() << " failed, " << scene.storm().stale()
            << " stale, " << reloads << " reloads, " << switches.words() << "\nasked " << asked
            << " times for readiness:";
  for (const auto& [grade, count] : overall)
    std::cout << " " << grade << " " << 100.0 * count / asked << " %";
  std::cout << "; not ready in the seconds:" << (gaps.empty() ? " none" : gaps);
  std::cout << "\nat the beginning " << before << "\nat the end       " << after << "\n"
            << readiness.out << std::endl;
  for (const std::string& complaint : scene.storm().complaints()) UNSCOPED_INFO(complaint);
  CHECK(scene.storm().failed() == 0);
  CHECK(scene.storm().stale() == 0);
  CHECK(overall["NOT READY"] == 0);
  CHECK(after.threads <= before.threads + 2);  // a hook or a probe under way
  CHECK(after.descriptors <= before.descriptors + 20);
  if (memory_is_measured) CHECK(after.resident_kib < before.resident_kib + 64 * 1024);
}
