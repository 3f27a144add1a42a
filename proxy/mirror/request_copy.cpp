#include "proxy/mirror/request_copy.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace switchback::mirror {

namespace {

constexpr std::string_view id_suffix = "-mirror";
constexpr std::size_t max_id = 128;  // http::valid_request_id

// Appends texts to memory that is known to be large enough.
class Packer {
 public:
  explicit Packer(char* at) : at_(at) {}
  const char* add(std::string_view text) {
    char* const start = at_;
    std::copy(text.begin(), text.end(), at_);
    at_ += text.size();
    return start;
  }
  void move(std::string_view& text) { text = {add(text), text.size()}; }

 private:
  char* at_;
};

std::size_t bytes_of(const http::RequestHead& head, const http::RequestAdditions& additions) {
  std::size_t bytes = head.fields.size() * sizeof(http::Field) + head.method_text.size() +
                      head.target.size() + head.authority.size() + head.upgrade_protocol.size() +
                      additions.client_ip.size() + additions.scheme.size() +
                      additions.request_id.size() + id_suffix.size() +
                      additions.traceparent.size() + additions.host.size();
  for (const http::Field& field : head.fields) bytes += field.name_size + field.value_size + 4u;
  return bytes;
}

}  // namespace

bool RequestCopy::take(net::BufferPool& pool, const http::RequestHead& head,
                       const http::RequestAdditions& additions) {
  const std::size_t bytes = bytes_of(head, additions);
  if (bytes > net::large_buffer_bytes) return false;
  store_ =
      pool.take(bytes <= net::small_buffer_bytes ? net::BufferSize::small : net::BufferSize::large);
  head_ = head;
  additions_ = additions;
  auto* const fields = reinterpret_cast<http::Field*>(store_.data());
  Packer text(store_.data() + head.fields.size() * sizeof(http::Field));
  // As whole lines, one behind the other: so the encoder copies them in one go.
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    http::Field field = head.fields[i];
    field.name_data = text.add(field.name());
    text.add(": ");
    field.value_data = text.add(field.value());
    text.add("\r\n");
    new (&fields[i]) http::Field(field);
  }
  head_.fields = {fields, head.fields.size()};
  text.move(head_.method_text);
  text.move(head_.target);
  text.move(head_.authority);
  text.move(head_.upgrade_protocol);
  text.move(additions_.client_ip);
  text.move(additions_.scheme);
  text.move(additions_.traceparent);
  text.move(additions_.host);
  id_bytes_ = 0;
  if (!additions.request_id.empty()) {
    const std::size_t kept = std::min(additions.request_id.size(), max_id - id_suffix.size());
    const char* const id = text.add(additions.request_id.substr(0, kept));
    text.add(id_suffix);
    id_bytes_ = static_cast<std::uint32_t>(kept);
    additions_.request_id = {id, kept + id_suffix.size()};
  }
  additions_.mirrored = true;
  return true;
}

bool RequestCopy::add_body(net::BufferPool& pool, const exchange::BodyPiece& piece,
                           std::size_t limit) {
  if (body_bytes_ + piece.bytes > std::min(limit, net::large_buffer_bytes)) return false;
  if (piece.bytes == 0) return true;
  if (!body_) {
    const bool fits_small = head_.content_length <= net::small_buffer_bytes;
    body_ = pool.take(fits_small ? net::BufferSize::small : net::BufferSize::large);
  }
  for (std::size_t i = 0; i < piece.count; ++i) {
    std::memcpy(body_.data() + body_bytes_, piece.slices[i].iov_base, piece.slices[i].iov_len);
    body_bytes_ += static_cast<std::uint32_t>(piece.slices[i].iov_len);
  }
  return true;
}

exchange::BodyPiece RequestCopy::body() {
  exchange::BodyPiece piece;
  piece.end = true;
  if (body_bytes_ == 0) return piece;
  body_slice_ = {body_.data(), body_bytes_};
  piece.slices = &body_slice_;
  piece.count = 1;
  piece.bytes = body_bytes_;
  piece.owner = &body_;
  return piece;
}

void RequestCopy::clear() {
  store_.reset();
  body_.reset();
  body_bytes_ = 0;
}

}  // namespace switchback::mirror
