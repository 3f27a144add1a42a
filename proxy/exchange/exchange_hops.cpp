// What a message's way so far says about whether it may go on (RFC 9110 §7.4, §7.6).
#include <algorithm>
#include <charconv>

#include "proxy/exchange/exchange.hpp"
#include "proxy/exchange/https_rules.hpp"
#include "proxy/http/chars.hpp"

namespace switchback::exchange {

using http::FieldId;
using http::Reason;

namespace {

// Several switchbacks may stand in a row, and all give the same name: only a longer row is a loop.
constexpr unsigned most_times_here = 8;

// How often this proxy, or one like it, has passed the message on.
unsigned times_here(const http::RequestHead& head) {
  unsigned times = 0;
  for (const http::Field& field : head.fields) {
    if (field.id != FieldId::via) continue;
    for (std::string_view list = field.value(); !list.empty();) {
      std::string_view entry = http::next_element(list);  // "1.1 switchback (comment)"
      entry.remove_prefix(std::min(entry.find(' '), entry.size()));
      entry = http::trim_ows(entry);
      times += entry.substr(0, entry.find(' ')) == "switchback";
    }
  }
  return times;
}

// Digits only; a number that does not fit is the largest there is. False: not a number.
bool read_hops(std::string_view text, std::uint32_t& hops) {
  const char* const stop = text.data() + text.size();
  const auto [end, fault] = std::from_chars(text.data(), stop, hops);
  if (fault == std::errc::result_out_of_range) hops = UINT32_MAX;
  return fault != std::errc::invalid_argument && end == stop;
}

}  // namespace

// True when it was answered: it must not go on.
bool Exchange::refuse_hop() {
  // RFC 9110 §7.4: who asks for https in so many words has to have come by it.
  if (head_->https_target && down_->scheme() != "https" &&
      !(trusted_ && forwarded_as_https(*head_))) {
    answer(Reason::misdirected);
    return true;
  }
  if (http::bit_of(FieldId::via) & head_->present && times_here(*head_) >= most_times_here) {
    answer(Reason::loop_detected);  // RFC 9110 §7.6
    return true;
  }
  return !count_hop();
}

// RFC 9110 §7.6.2: TRACE and OPTIONS carry a count of hops: at 0 they are answered here, else sent
// on with one less, or with the largest number we know. Of several the least counts, once. False
// when answered.
bool Exchange::count_hop() {
  if (head_->method != http::Method::trace && head_->method != http::Method::options) return true;
  http::Field* counted = nullptr;
  std::uint32_t least = UINT32_MAX;
  for (http::Field& field : head_->fields) {
    std::uint32_t hops = 0;
    if (field.id != FieldId::max_forwards || !read_hops(field.value(), hops)) continue;
    least = std::min(least, hops);
    if (counted) field.drop = true;
    if (!counted) counted = &field;
  }
  if (!counted) return true;  // none, or not ours to judge
  if (least == 0) {
    answer(head_->method == http::Method::trace ? Reason::unsupported_method : Reason::none);
    return false;
  }
  const auto written = std::to_chars(hops_.data(), hops_.data() + hops_.size(), least - 1);
  counted->value_data = hops_.data();
  counted->value_size = static_cast<std::uint32_t>(written.ptr - hops_.data());
  return true;
}

}  // namespace switchback::exchange
