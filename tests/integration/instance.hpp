// The built program, served from a folder of its own on free ports, and its command line.
#pragma once

#include <signal.h>

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/places.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

namespace switchback::test {

// Runs `switchback ARGUMENTS…` to its end.
inline Finished command(std::vector<std::string> arguments,
                        std::vector<std::string> environment = {}) {
  arguments.insert(arguments.begin(), switchback::test::switchback_program());
  ProcessOptions options;
  options.environment = std::move(environment);
  return run(std::move(arguments), options);
}

// A rollback that moved traffic, or found it there. It does not wait for a busy disk, and says so.
inline bool went_back(const Finished& said) {
  return said.code == 0 || said.code == 33;
}

inline boost::json::object json_of(const std::string& text) {
  return boost::json::parse(text).as_object();
}

struct InstanceOptions {
  std::vector<std::string> blue, green;  // server addresses
  std::string service = "shop";
  std::string listeners_more;  // further listeners, YAML indented by 2
  std::string service_more;    // YAML at the service's level, indented by 4
  std::string admin_more;      // … at the level of admin, indented by 2
  std::string more;            // … at the top
  std::vector<std::string> environment;
  std::string state_dir = "state";
  std::string program = switchback_program();
  std::vector<std::string> wrapper;  // a command that runs the program, before its own words
  unsigned workers = 2;
};

// `switchback serve`, restarted at will over the same state.
class Instance {
 public:
  explicit Instance(InstanceOptions options) : options_(std::move(options)) {
    write_config();
    start();
  }

  void write_config() { folder.write("switchback.yaml", config_text()); }

  std::string config_text() const {
    return "listeners:\n  - bind: 127.0.0.1:0\n" + options_.listeners_more + "services:\n  " +
           options_.service + ":\n    blue: { release: v1.2, servers: [" + list(options_.blue) +
           "] }\n    green: { release: v1.3, servers: [" + list(options_.green) +
           "] }\n    health_check: { path: /healthz, interval: 50ms, timeout: 2s, rise: 1, fall: 1 "
           "}\n" +
           options_.service_more + "admin:\n  socket: admin.sock\n" + options_.admin_more +
           "state_dir: " + options_.state_dir + "\nworkers: " + std::to_string(options_.workers) +
           "\n" + options_.more;
  }

  void start() {
    ProcessOptions process_options;
    process_options.environment = options_.environment;
    std::vector<std::string> words = options_.wrapper;
    words.insert(words.end(), {options_.program, "serve", "--config", config()});
    process = std::make_unique<Process>(std::move(words), process_options);
    const auto line = process->wait_for_line("listening on ");
    REQUIRE(line);
    address = line->substr(line->find("http://"));
    REQUIRE(process->wait_for_line("is active (epoch"));
  }

  // Both pools checked, so that a flip's fitness is known.
  void wait_until_checked() {
    REQUIRE(until([&] {
      const auto said = cli({"status", options_.service, "--json"});
      return said.code == 0 && said.out.find("\"unknown\"") == std::string::npos;
    }));
  }

  Finished cli(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--admin", socket()});
    return command(std::move(arguments));
  }

  std::string config() const { return folder.file("switchback.yaml"); }
  std::string socket() const { return folder.file("admin.sock"); }

  // The name of the server that answers a new request.
  std::string who_answers(const std::string& target = "/ok") const {
    RawClient client(address);
    client.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    const auto response = client.read_response();
    return response.status == 200 ? response.field("X-Served-By") : std::to_string(response.status);
  }

  TempDir folder;
  std::unique_ptr<Process> process;
  std::string address;  // "http://127.0.0.1:40123"

 private:
  static std::string list(const std::vector<std::string>& addresses) {
    std::string out;
    for (const auto& one : addresses) out += (out.empty() ? "\"" : ", \"") + one + "\"";
    return out;
  }

  InstanceOptions options_;
};

}  // namespace switchback::test
