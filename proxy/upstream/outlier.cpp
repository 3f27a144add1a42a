#include "proxy/upstream/outlier.hpp"

#include <algorithm>
#include <cerrno>

namespace switchback::upstream {

unsigned ejections_allowed(std::size_t servers, unsigned max_ejected_percent) {
  if (max_ejected_percent == 0 || servers < 2) return 0;
  return std::max(1u, static_cast<unsigned>(servers * max_ejected_percent / 100));
}

unsigned next_in_row(unsigned row, Nanos returned_ns, Nanos now_ns, Nanos ejection_ns) {
  if (returned_ns == 0) return 1;
  const Nanos behaved = std::max<Nanos>(0, now_ns - returned_ns);
  const Nanos forgiven = ejection_ns > 0 ? behaved / ejection_ns : max_ejections_in_row;
  const Nanos left = std::max<Nanos>(0, static_cast<Nanos>(row) - forgiven);
  return static_cast<unsigned>(std::min<Nanos>(left + 1, max_ejections_in_row));
}

bool server_at_fault(int connect_error) {
  switch (connect_error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL:
    case EACCES:
    case EPERM:
      return false;
    default:
      return true;
  }
}

LastFailure LastFailure::of_answer(http::Reason reason, http::Fault fault, http::Place place) {
  LastFailure failure(reason);
  failure.code_ |= static_cast<std::uint64_t>(fault) << 16;
  failure.code_ |= std::min<std::uint64_t>(place.line, 0xffff) << 24;
  failure.code_ |= std::min<std::uint64_t>(place.byte, 0xffffff) << 40;
  return failure;
}

std::string LastFailure::text() const {
  const std::uint64_t code = code_ & 0xffff;
  if (code == 0) return {};
  if (code >= 100) return "status " + std::to_string(code);
  const auto fault = static_cast<http::Fault>(code_ >> 16 & 0xff);
  const std::string reason(http::name_of(static_cast<http::Reason>(code)));
  if (fault == http::Fault::none) return reason;
  const http::Place place{static_cast<std::uint32_t>(code_ >> 24 & 0xffff), code_ >> 40};
  return reason + ": " + http::describe(http::text_of(fault), place);
}

unsigned ramp(Nanos since_ns, Nanos slow_start_ns, unsigned from) {
  if (since_ns >= slow_start_ns) return full_share;
  if (since_ns <= 0) return from;
  const double part = static_cast<double>(since_ns) / static_cast<double>(slow_start_ns);
  return from + static_cast<unsigned>(part * (full_share - from));
}

}  // namespace switchback::upstream
