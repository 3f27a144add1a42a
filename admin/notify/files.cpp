#include "admin/notify/files.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "admin/http/tls.hpp"
#include "config/notify_values.hpp"
#include "config/text_rules.hpp"

namespace switchback::notify {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_ours(std::string_view name) {
  static constexpr std::array<std::string_view, 6> ours{
      "host", "content-length", "connection", "transfer-encoding", "upgrade", "te"};
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return std::find(ours.begin(), ours.end(), lower) != ours.end();
}

}  // namespace

std::string read_small_file(const std::string& path, std::string& fault) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (!file) {
    fault = path + ": " + std::strerror(errno);
    return {};
  }
  std::string text(most_file_bytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  if (std::ferror(file)) fault = path + ": cannot be read";
  std::fclose(file);
  if (text.size() > most_file_bytes) fault = path + ": is larger than 64 KiB";
  return fault.empty() ? text : std::string();
}

std::string read_first_line(const std::string& path, std::string& fault) {
  const std::string text = read_small_file(path, fault);
  const std::string line(trimmed(std::string_view(text).substr(0, text.find('\n'))));
  if (line.empty() && fault.empty()) fault = path + ": its first line is empty";
  return line;
}

web::Fields read_fields_file(const std::string& path, std::string& fault) {
  const std::string text = read_small_file(path, fault);
  web::Fields fields;
  std::string_view rest = text;
  for (unsigned number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    const auto line = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    const auto value = colon == std::string_view::npos ? "" : trimmed(line.substr(colon + 1));
    const bool control = std::any_of(value.begin(), value.end(),
                                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    // The line itself may be a secret: it is not shown.
    if (colon == std::string_view::npos || !config::is_header_name(name) || control) {
      fault = path + ": line " + std::to_string(number) + " is no \"Name: value\"";
      return {};
    }
    if (is_ours(name)) {
      fault = path + ": line " + std::to_string(number) + ": " + std::string(name) +
              " belongs to the message itself";
      return {};
    }
    fields.emplace_back(std::string(name), std::string(value));
  }
  return fields;
}

std::vector<FileFault> file_faults(const config::Config& config) {
  std::vector<FileFault> out;
  for (std::size_t i = 0; i < config.notify.size(); ++i) {
    const auto& target = config.notify[i];
    const std::string path = "notify[" + std::to_string(i) + "].";
    const auto look = [&](const char* key, const std::string& file, auto read) {
      std::string fault;
      if (!file.empty()) read(file, fault);
      if (!fault.empty()) out.push_back({path + key, path + key + ": " + fault});
    };
    look("webhook_file", target.webhook_file, [](const std::string& file, std::string& fault) {
      const auto address = read_first_line(file, fault);
      std::string why;
      if (fault.empty() && !config::parse_webhook_url(address, why)) fault = file + " " + why;
    });
    look("headers_file", target.headers_file, read_fields_file);
    look("secret_file", target.secret_file, read_first_line);
    look("ca", target.ca, [](const std::string& file, std::string& fault) {
      if (!web::make_client_tls({file, "", ""}, fault) && fault.starts_with("--ca-file "))
        fault = fault.substr(10);
    });
    look("exec", target.exec.empty() ? "" : target.exec.front(),
         [](const std::string& file, std::string& fault) {
           if (::access(file.c_str(), X_OK) != 0) fault = file + ": " + std::strerror(errno);
         });
  }
  return out;
}

}  // namespace switchback::notify
