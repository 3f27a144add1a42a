#include "tests/conformance/vectors.hpp"
#include "tests/support/places.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>

namespace switchback::conformance {
namespace {

constexpr std::string_view known_keys[] = {
    "rfc",        "expect",       "framing",    "body",     "method",          "target",
    "authority",  "keep_alive",   "upgrade",    "left",     "expect_continue", "te_trailers",
    "server-has", "server-lacks", "client-has", "trailers", "client-lacks",    "trusted",
    "request",    "status",       "reason",     "closes",   "strict",          "lapses",
};

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw std::runtime_error(where + ": " + what);
}

// "\R{1000,text}" at `at`; leaves `at` behind it.
std::string repetition(std::string_view text, std::size_t& at) {
  const std::size_t comma = text.find(',', at), close = text.find('}', at);
  if (text.substr(at, 3) != "\\R{" || comma > close || close == std::string_view::npos)
    fail(std::string(text), "bad repetition");
  const auto count = std::stoul(std::string(text.substr(at + 3, comma - at - 3)));
  const std::string piece = unescape(text.substr(comma + 1, close - comma - 1));
  std::string out;
  for (unsigned long i = 0; i < count; ++i) out += piece;
  at = close + 1;
  return out;
}

bool goes_on(const std::string& line) {  // an odd number of backslashes at the end
  const std::size_t last = line.find_last_not_of('\\');
  return (line.size() - (last == std::string::npos ? 0 : last + 1)) % 2 == 1;
}

std::string trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

struct Reader {
  std::ifstream in;
  std::string file;
  unsigned number = 0;
  bool next(std::string& line) {
    ++number;
    return static_cast<bool>(std::getline(in, line));
  }
  std::string where() const { return file + ":" + std::to_string(number); }
};

void read_raw(Reader& reader, Case& out) {
  std::string line;
  while (reader.next(line)) {
    if (line == ".") return;
    const bool more = goes_on(line);
    if (more) line.pop_back();
    out.raw += unescape(line);
    if (!more) out.raw += "\r\n";
  }
  fail(reader.where(), "no line with a dot behind raw:");
}

Case read_case(Reader& reader, const std::string& name) {
  Case out;
  out.file = reader.file;
  out.name = name;
  std::string line;
  while (reader.next(line)) {
    if (line == "raw:") {
      read_raw(reader, out);
      if (!out.has("rfc") || !out.has("expect")) fail(reader.where(), "no rfc: or expect:");
      return out;
    }
    const std::size_t colon = line.find(':');
    const std::string key = line.substr(0, colon);
    if (colon == std::string::npos ||
        std::find(std::begin(known_keys), std::end(known_keys), key) == std::end(known_keys))
      fail(reader.where(), "not a key: " + line);
    out.keys.emplace_back(key, trim(std::string_view(line).substr(colon + 1)));
  }
  fail(reader.where(), "no raw: in this case");
}

}  // namespace

bool Case::has(std::string_view key) const {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const auto& entry) { return entry.first == key; });
}

std::string Case::get(std::string_view key, std::string_view otherwise) const {
  for (const auto& [name_of_key, value] : keys)
    if (name_of_key == key) return value;
  return std::string(otherwise);
}

std::vector<std::string> Case::all(std::string_view key) const {
  std::vector<std::string> out;
  for (const auto& [name_of_key, value] : keys)
    if (name_of_key == key) out.push_back(value);
  return out;
}

std::vector<Case> load(const std::string& folder) {
  const std::filesystem::path root = switchback::test::in_source("tests/conformance");
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root / folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Case> out;
  std::set<std::string> names;
  for (const auto& path : files) {
    Reader reader{std::ifstream(path, std::ios::binary), folder + "/" + path.filename().string()};
    std::string line;
    while (reader.next(line)) {
      if (line.rfind("== ", 0) != 0) fail(reader.where(), "not the beginning of a case: " + line);
      out.push_back(read_case(reader, line.substr(3)));
      if (!names.insert(out.back().name).second) fail(reader.where(), "this name is there twice");
    }
  }
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    const char kind = i + 1 < text.size() ? text[i + 1] : '\0';
    if (kind == 'R') {
      out += repetition(text, i);
      continue;
    }
    if (kind == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
      i += 4;
      continue;
    }
    constexpr std::string_view kinds = "rnts\\", bytes = "\r\n\t \\";
    const std::size_t index = kinds.find(kind);
    if (kind == '\0' || index == std::string_view::npos) fail(std::string(text), "bad escape");
    out += bytes[index];
    i += 2;
  }
  return out;
}

}  // namespace switchback::conformance
