// Small files that a target names: secrets, fields, an address. Read at every delivery. Blocks.
#pragma once

#include <string>
#include <vector>

#include "admin/http/message.hpp"
#include "config/model.hpp"

namespace switchback::notify {

inline constexpr std::size_t most_file_bytes = 64 * 1024;

// The whole file; on failure `fault` is one line.
std::string read_small_file(const std::string& path, std::string& fault);
// Its first line, without blanks around it; an empty one is a fault.
std::string read_first_line(const std::string& path, std::string& fault);
// Lines "Name: value"; empty ones and those that begin with # are passed over. Host, Content-Length
// and the like, which belong to the message itself, are faults.
web::Fields read_fields_file(const std::string& path, std::string& fault);

// What is wrong with the files that targets name, for `switchback check`. Not a reason to refuse a
// start: they are read again for each message, and traffic goes first.
struct FileFault {
  std::string path;  // in the configuration: "notify[0].headers_file"
  std::string text;
};
std::vector<FileFault> file_faults(const config::Config& config);

}  // namespace switchback::notify
