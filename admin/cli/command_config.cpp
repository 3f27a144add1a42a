// check and init: the configuration before anything runs.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "admin/cli/arguments.hpp"
#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/notify/files.hpp"
#include "admin/verify/plan.hpp"
#include "config/starter.hpp"
#include "config/yaml_loader.hpp"
#include "proxy/tls/server_files.hpp"
#include "proxy/worker/listener_tls.hpp"
#include "proxy/worker/server_wires.hpp"

namespace switchback::cli {
namespace {

json::object diagnostic_object(const config::Diagnostic& fault) {
  return {{"file", fault.file},       {"line", fault.line}, {"column", fault.column},
          {"message", fault.message}, {"hint", fault.hint}, {"warning", fault.warning}};
}

// The certificates and keys too, as a start would read them.
void check_named_files(config::LoadResult& loaded) {
  auto found = worker::check_listener_files(*loaded.config);
  for (auto& fault : worker::check_server_files(*loaded.config)) found.push_back(std::move(fault));
  const auto& admin = loaded.config->admin;
  if (admin.tls) {
    config::ListenerTls files;
    files.certificates.push_back(*admin.tls);
    files.client_ca = admin.client_ca;
    std::vector<tls::FileFault> faults;
    tls::load_server_files(files, faults);
    for (auto& fault : faults)
      found.push_back({fault.key == "client_ca" ? "admin.client_ca" : "admin.tls", fault});
  }
  bool sound = true;
  for (const auto& [path, fault] : found) {
    const auto at = loaded.places.at(path);
    loaded.diagnostics.push_back({loaded.config->file, at.line, at.column,
                                  path + ": " + fault.file + " " + fault.message, fault.hint,
                                  fault.warning});
    sound = sound && fault.warning;
  }
  if (!sound) loaded.config.reset();
}

// What the plans say that only their compiler understands: patterns, places, names of probes.
bool check_plans(config::LoadResult& loaded) {
  bool sound = true;
  for (auto& fault : verify::plan_faults(*loaded.config)) {
    const auto at = loaded.places.at(fault.path);
    loaded.diagnostics.push_back({loaded.config->file, at.line, at.column, std::move(fault.message),
                                  std::move(fault.hint), fault.warning});
    sound = sound && fault.warning;
  }
  return sound;
}

// Files of notify are read at each message, so that a missing one stops nothing now.
void check_notify(config::LoadResult& loaded) {
  for (auto& fault : notify::file_faults(*loaded.config)) {
    const auto at = loaded.places.at(fault.path);
    loaded.diagnostics.push_back({loaded.config->file, at.line, at.column, std::move(fault.text),
                                  "messages to this target would fail", true});
  }
}

int check(const std::string& file, const Globals& globals) {
  auto loaded = config::load_file(file);
  // Files that the configuration names are read too, as `serve` would.
  if (loaded.config) check_named_files(loaded);
  if (loaded.config) check_notify(loaded);
  const bool valid = loaded.config && check_plans(loaded);
  if (globals.json) {
    json::array diagnostics;
    for (const auto& fault : loaded.diagnostics) diagnostics.push_back(diagnostic_object(fault));
    const json::object out{{"valid", valid}, {"diagnostics", std::move(diagnostics)}};
    std::printf("%s\n", json::serialize(out).c_str());
    return valid ? exit_done : exit_usage;
  }
  for (const auto& fault : loaded.diagnostics) std::fprintf(stderr, "%s\n", fault.text().c_str());
  if (!valid) return exit_usage;
  std::printf("%s: valid; %s, %s\n", file.c_str(),
              format_count(loaded.config->listeners.size(), "listener").c_str(),
              format_count(loaded.config->services.size(), "service").c_str());
  return exit_done;
}

// Never over an existing file: that one may be in use.
int init(const std::string& folder, const Globals&) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const auto path = (std::filesystem::path(folder) / "switchback.yaml").string();
  std::FILE* file = error ? nullptr : std::fopen(path.c_str(), "wx");
  if (!file) {
    const std::string why = error ? error.message() : std::strerror(errno);
    throw CommandFailed{exit_usage, "switchback: " + path + ": " + why + "\n", ""};
  }
  const auto text = config::starter_yaml();
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) {
    throw CommandFailed{exit_usage, "switchback: " + path + ": could not be written whole\n", ""};
  }
  std::printf(
      "%s written. Name your servers in it, then:\n"
      "  switchback check --config %s\n  switchback serve --config %s\n",
      path.c_str(), path.c_str(), path.c_str());
  return exit_done;
}

}  // namespace

void add_config_commands(CLI::App& app, Action& action) {
  auto file = std::make_shared<std::string>();
  auto* verify = app.add_subcommand("check", "Say everything that is wrong with a configuration");
  verify->footer("Example:\n  switchback check --config switchback.yaml");
  verify->add_option("FILE,--config", *file, "The configuration")
      ->type_name("")
      ->default_str("switchback.yaml here, else /etc/switchback/switchback.yaml");
  verify->callback([file, &action] {
    action = [file](const Globals& globals) {
      return check(file->empty() ? default_config_file() : *file, globals);
    };
  });

  auto folder = std::make_shared<std::string>(".");
  auto* write = app.add_subcommand("init", "Write a commented switchback.yaml to begin with");
  write->footer("Example:\n  switchback init /etc/switchback");
  write->add_option("DIR", *folder, "Where; made if it is not there")
      ->type_name("")
      ->capture_default_str();
  write->callback([folder, &action] {
    action = [folder](const Globals& globals) { return init(*folder, globals); };
  });
}

}  // namespace switchback::cli
