#include "proxy/mirror/verdict.hpp"

#include <array>

namespace switchback::mirror {

namespace {
template <class Enum, std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) {
  static_assert(N == static_cast<std::size_t>(Enum::count_));
  return names[static_cast<std::size_t>(value)];
}
}  // namespace

std::string_view name_of(Skip skip) {
  static constexpr std::array<std::string_view, 12> names{
      "method", "body", "expect", "upgrade",   "mark",      "preview",
      "paused", "head", "busy",   "no_server", "switching", "unfinished"};
  return name_in(names, skip);
}

std::string_view name_of(Verdict verdict) {
  static constexpr std::array<std::string_view, 7> names{
      "equal", "status", "header", "body", "copy_failed", "original_failed", "dropped"};
  return name_in(names, verdict);
}

std::string_view name_of(Fault fault) {
  static constexpr std::array<std::string_view, 4> names{"connect", "timeout", "closed",
                                                         "bad_answer"};
  return name_in(names, fault);
}

std::string_view name_of(Drop drop) {
  static constexpr std::array<std::string_view, 5> names{"client_gone", "stream", "moved", "slow",
                                                         "stopped"};
  return name_in(names, drop);
}

Fault fault_of(http::Reason reason) {
  switch (reason) {
    case http::Reason::connect_refused:
    case http::Reason::connect_failed:
    case http::Reason::connect_timeout:
    case http::Reason::server_tls_failed:
    case http::Reason::queue_full:
    case http::Reason::queue_timeout:
      return Fault::connect;
    case http::Reason::server_reset:
    case http::Reason::server_closed:
    case http::Reason::server_write_failed:
    case http::Reason::response_truncated:
      return Fault::closed;
    default:
      return Fault::bad_answer;
  }
}

}  // namespace switchback::mirror
