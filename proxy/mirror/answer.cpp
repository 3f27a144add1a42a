#include "proxy/mirror/answer.hpp"

#include <algorithm>

namespace switchback::mirror {

namespace {

// Where a value ends counts: "a", "b" in two lines is not "ab" in one.
std::uint64_t hash_field(const http::ResponseHead& head, std::string_view name) {
  std::uint64_t hash = 0;
  for (const http::Field& field : head.fields) {
    if (field.name_size != name.size() || !http::iequals(field.name(), name)) continue;
    hash = XXH3_64bits_withSeed(field.value_data, field.value_size, hash + 1);
    if (hash == 0) hash = 1;  // 0 says "absent"
  }
  return hash;
}

}  // namespace

void Answer::reset() {
  XXH3_64bits_reset(&hash_);
  bytes_ = 0;
  head_ns_ = 0;
  status_ = 0;
  header_count_ = 0;
  ended_ = false;
}

void Answer::add_head(const http::ResponseHead& head, const std::vector<std::string>& names,
                      Nanos now_ns) {
  status_ = static_cast<std::uint16_t>(head.status);
  head_ns_ = now_ns;
  header_count_ = static_cast<std::uint8_t>(std::min(names.size(), max_headers));
  for (std::size_t i = 0; i < header_count_; ++i) headers_[i] = hash_field(head, names[i]);
}

void Answer::add_body(const exchange::BodyPiece& piece) {
  for (std::size_t i = 0; i < piece.count; ++i) {
    XXH3_64bits_update(&hash_, piece.slices[i].iov_base, piece.slices[i].iov_len);
  }
  bytes_ += piece.bytes;
  if (piece.end) ended_ = true;
}

std::uint64_t Answer::body_hash() const {
  return XXH3_64bits_digest(&hash_);
}

Comparison::Comparison(const Answer& original, const Answer& copy) {
  if (original.status_ != copy.status_) {
    verdict = Verdict::status;
    return;
  }
  const std::size_t names = std::min(original.header_count_, copy.header_count_);
  for (std::size_t i = 0; i < names; ++i) {
    if (original.headers_[i] == copy.headers_[i]) continue;
    verdict = Verdict::header;
    header = static_cast<std::uint8_t>(i);
    return;
  }
  if (original.bytes_ != copy.bytes_ || original.body_hash() != copy.body_hash()) {
    verdict = Verdict::body;
  }
}

}  // namespace switchback::mirror
