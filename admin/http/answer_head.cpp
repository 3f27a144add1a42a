#include "admin/http/answer_head.hpp"

namespace switchback::web {

std::size_t head_size(std::string_view bytes) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = bytes.find('\n', begin);
    if (end == std::string_view::npos) return 0;
    const bool empty = end == begin || (end == begin + 1 && bytes[begin] == '\r');
    if (empty && begin > 0) return end + 1;
    begin = end + 1;
  }
}

std::string strict_head(std::string_view head) {
  constexpr std::size_t without_reason = std::string_view("HTTP/1.1 200").size();
  std::string out;
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool first = out.empty();
    out += line;
    if (first && line.size() == without_reason) out += ' ';
    out += "\r\n";
  }
  return out;
}

}  // namespace switchback::web
