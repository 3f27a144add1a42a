#include "tests/e2e/storm_casualties.hpp"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace switchback::test {

using Clock = std::chrono::steady_clock;

// The program is built beside the tests.
std::unique_ptr<Process> Casualties::start(const std::string& name, std::string& port) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  auto process = std::make_unique<Process>(
      std::vector<std::string>{(folder / "storm_backend").string(), name, port});
  const auto line = process->wait_for_line("port ");
  if (!line) throw std::runtime_error("backend " + name + " did not start: " + process->err());
  port = line->substr(5);
  return process;
}

std::string Casualties::add(const std::string& name) {
  Backend& backend = backends_[name];
  backend.process = start(name, backend.port);
  return "127.0.0.1:" + backend.port;
}

void Casualties::kill(const std::string& name) {
  Process& process = *backends_.at(name).process;
  process.signal(SIGKILL);
  if (!process.wait()) throw std::runtime_error(name + " survived SIGKILL");
  ++kills_;
}

void Casualties::revive(const std::string& name) {
  Backend& backend = backends_.at(name);
  backend.process = start(name, backend.port);
}

void Casualties::open_window(const std::string& name) {
  const std::lock_guard lock(mutex_);
  windows_.push_back({name, Clock::now(), Moment::max()});
}

void Casualties::close_window(const std::string& name) {
  const std::lock_guard lock(mutex_);
  for (Window& window : windows_) {
    if (window.name == name && window.to == Moment::max()) window.to = Clock::now();
  }
}

bool Casualties::excuse(const std::string& name, Moment begin) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(windows_.begin(), windows_.end(), [&](const Window& window) {
    return (name.empty() || window.name == name) && window.to >= begin;
  });
}

}  // namespace switchback::test
