#include "proxy/log/access_ring.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace switchback::log {
namespace {

constexpr std::size_t text_count = 16;
using Texts = std::array<std::string_view, text_count>;

// The numbers of a record; its texts follow in the order of texts_of().
struct Header {
  std::uint32_t length;  // of header, texts and padding; the top bit marks a filler
  std::uint16_t status;
  std::uint8_t retries, minor_version;
  std::int64_t wall_us;
  Nanos wait_ns, connect_ns, first_byte_ns, total_ns;
  std::uint64_t bytes_in, bytes_out, epoch;
  std::array<std::uint16_t, text_count> text_bytes;
  http::Reason reason;
  std::uint8_t color;  // 2: none
};
static_assert(sizeof(Header) == 112 && std::is_trivially_copyable_v<Header>);

constexpr std::uint8_t no_color = 2;
constexpr std::uint32_t filler_bit = 0x80000000u;
constexpr std::size_t max_record_bytes =
    (sizeof(Header) + (text_count - 1) * max_text_bytes + max_target_bytes + 7) & ~std::size_t{7};
// A record of at most half the ring always fits into an empty one, wherever its front is.
constexpr std::size_t min_ring_bytes = std::bit_ceil(2 * max_record_bytes);
static_assert(min_ring_bytes >= 2 * max_record_bytes);

// Longer texts are cut, and not in the middle of a UTF-8 sequence if it is one.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80; ++i) {
    --end;
  }
  if ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) end = limit;  // not UTF-8 at all
  return text.substr(0, end);
}

Texts texts_of(const AccessRecord& r) {
  return {cut(r.traffic_class, max_text_bytes), cut(r.client, max_text_bytes),
          cut(r.method, max_text_bytes),        cut(r.host, max_text_bytes),
          cut(r.target, max_target_bytes),      cut(r.service, max_text_bytes),
          cut(r.server, max_text_bytes),        cut(r.request_id, max_text_bytes),
          cut(r.user_agent, max_text_bytes),    cut(r.referer, max_text_bytes),
          cut(r.detail, max_text_bytes),        cut(r.tls_version, max_text_bytes),
          cut(r.tls_cipher, max_text_bytes),    cut(r.tls_name, max_text_bytes),
          cut(r.peer, max_text_bytes),          cut(r.trace_id, max_text_bytes)};
}

}  // namespace

// The memory is not touched here: pages of a ring that never fills are never used.
AccessRing::Impl::Impl(std::size_t wanted)
    : size(std::bit_ceil(std::max(wanted, min_ring_bytes))), bytes(new std::byte[size]) {}

std::byte* AccessRing::Impl::reserve(std::size_t need, std::uint64_t& at) {
  at = head.load(std::memory_order_relaxed);
  const std::size_t offset = at & (size - 1);
  const std::size_t to_end = size - offset;
  const std::size_t filler = need > to_end ? to_end : 0;
  const auto free = [&] { return size - (at - tail_seen); };
  if (free() < filler + need) {
    tail_seen = tail.load(std::memory_order_acquire);
    if (free() < filler + need) return nullptr;
  }
  if (filler != 0) {
    const auto mark = static_cast<std::uint32_t>(filler) | filler_bit;
    std::memcpy(bytes.get() + offset, &mark, sizeof mark);
    at += filler;
  }
  return bytes.get() + (at & (size - 1));
}

bool AccessRing::Impl::push(const AccessRecord& r) {
  if (discard) return true;
  const Texts texts = texts_of(r);
  Header header;
  std::size_t length = sizeof header;
  for (std::size_t i = 0; i < text_count; ++i) {
    header.text_bytes[i] = static_cast<std::uint16_t>(texts[i].size());
    length += texts[i].size();
  }
  length = (length + 7) & ~std::size_t{7};
  std::uint64_t at = 0;
  std::byte* into = reserve(length, at);
  if (!into) return false;
  header.length = static_cast<std::uint32_t>(length);
  header.status = r.status;
  header.retries = r.retries;
  header.minor_version = r.minor_version;
  header.wall_us = r.wall_us;
  header.wait_ns = r.wait_ns;
  header.connect_ns = r.connect_ns;
  header.first_byte_ns = r.first_byte_ns;
  header.total_ns = r.total_ns;
  header.bytes_in = r.bytes_in;
  header.bytes_out = r.bytes_out;
  header.epoch = r.epoch;
  header.reason = r.reason;
  header.color = r.has_color ? static_cast<std::uint8_t>(r.color) : no_color;
  std::memcpy(into, &header, sizeof header);
  into += sizeof header;
  for (const auto text : texts) {
    if (text.empty()) continue;
    std::memcpy(into, text.data(), text.size());
    into += text.size();
  }
  head.store(at + length, std::memory_order_release);
  if (wake_fd >= 0) wake_when_half_full(at + length);
  return true;
}

// The log's thread comes by itself every few milliseconds; only a burst has to call it.
void AccessRing::Impl::wake_when_half_full(std::uint64_t at) {
  if (at - tail_seen <= size / 2 || woken.load(std::memory_order_relaxed)) return;
  tail_seen = tail.load(std::memory_order_acquire);
  if (at - tail_seen <= size / 2) return;
  woken.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd, &one, sizeof one);
}

std::uint32_t AccessRing::Impl::length_at(const std::byte* at, bool& filler) {
  std::uint32_t length;
  std::memcpy(&length, at, sizeof length);
  filler = (length & filler_bit) != 0;
  return length & ~filler_bit;
}

AccessRecord AccessRing::Impl::decode(const std::byte* at) {
  Header header;
  std::memcpy(&header, at, sizeof header);
  AccessRecord r;
  r.status = header.status;
  r.retries = header.retries;
  r.minor_version = header.minor_version;
  r.wall_us = header.wall_us;
  r.wait_ns = header.wait_ns;
  r.connect_ns = header.connect_ns;
  r.first_byte_ns = header.first_byte_ns;
  r.total_ns = header.total_ns;
  r.bytes_in = header.bytes_in;
  r.bytes_out = header.bytes_out;
  r.epoch = header.epoch;
  r.reason = header.reason;
  r.has_color = header.color != no_color;
  if (r.has_color) r.color = static_cast<Color>(header.color);
  const char* text = reinterpret_cast<const char*>(at) + sizeof header;
  std::string_view* const texts[] = {&r.traffic_class, &r.client,   &r.method, &r.host,
                                     &r.target,        &r.service,  &r.server, &r.request_id,
                                     &r.user_agent,    &r.referer,  &r.detail, &r.tls_version,
                                     &r.tls_cipher,    &r.tls_name, &r.peer,   &r.trace_id};
  static_assert(sizeof texts / sizeof *texts == text_count);
  for (std::size_t i = 0; i < text_count; ++i) {
    *texts[i] = {text, header.text_bytes[i]};
    text += header.text_bytes[i];
  }
  return r;
}

AccessRing::AccessRing(std::size_t bytes) : impl_(std::make_unique<Impl>(bytes)) {}
AccessRing::~AccessRing() = default;
bool AccessRing::push(const AccessRecord& record) {
  return impl_->push(record);
}

}  // namespace switchback::log
