#include "config/yaml_loader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "config/reading.hpp"
#include "config/validate.hpp"
#include "config/yaml_tree.hpp"

namespace switchback::config {

namespace {

LoadResult failed(const std::string& file, std::string message, std::string hint = {}) {
  LoadResult out;
  out.diagnostics.push_back({file, 0, 0, std::move(message), std::move(hint), false});
  return out;
}

std::string system_text(int error) {
  return std::generic_category().message(error);
}

// The bytes of a file, at most one more than is allowed; "" or what went wrong.
std::string read_bytes(int fd, std::string& out) {
  char chunk[16 * 1024];
  while (out.size() <= max_file_bytes) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_text(errno);
    if (got == 0) break;
    out.append(chunk, static_cast<std::size_t>(got));
  }
  return {};
}

// "/etc/switchback" of "/etc/switchback/switchback.yaml"; "" for a bare name.
std::string folder_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

void fill_in(Config& config, const std::string& file) {
  config.file = file;
  if (config.run_dir.empty() && !config.admin.socket.empty()) {
    const std::string folder = folder_of(config.admin.socket);
    config.run_dir = folder.empty() ? "." : folder;
  }
}

}  // namespace

LoadResult load_text(std::string_view yaml, const std::string& file_name) {
  LoadResult out;
  Report report(file_name);
  if (const NodePtr root = parse_yaml(yaml, report)) {
    Config config;
    Reading reading(report, out.places, folder_of(file_name));
    reading.mapping(*root, "", &config);
    validate(config, out.places, report);
    fill_in(config, file_name);
    if (!report.has_errors()) out.config = std::move(config);
  }
  out.diagnostics = report.take();
  return out;
}

LoadResult load_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return failed(path, "cannot be opened: " + system_text(error),
                  error == ENOENT ? "`switchback init` writes one to begin with" : "");
  }
  struct stat info {};
  std::string text, wrong;
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    wrong = "is a folder, not a file";
  } else if (std::string error = read_bytes(fd, text); !error.empty()) {
    wrong = "cannot be read: " + error;
  }
  ::close(fd);
  if (!wrong.empty()) return failed(path, std::move(wrong));
  return load_text(text, path);
}

}  // namespace switchback::config
