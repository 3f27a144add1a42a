// A request that outlives its client's connection: head, additions and body in lent buffers.
#pragma once

#include "proxy/exchange/ports.hpp"
#include "proxy/net/buffer_pool.hpp"

namespace switchback::mirror {

class RequestCopy {
 public:
  // Copies everything the views point to. False: larger than a buffer can be; nothing is held.
  // The copy is marked, and its X-Request-Id is the original's with "-mirror" behind it, so that no
  // two requests have the same one.
  bool take(net::BufferPool& pool, const http::RequestHead& head,
            const http::RequestAdditions& additions);
  // False: more than `limit`.
  bool add_body(net::BufferPool& pool, const exchange::BodyPiece& piece, std::size_t limit);
  void clear();

  const http::RequestHead& head() const { return head_; }
  http::RequestAdditions& additions() { return additions_; }
  const http::RequestAdditions& additions() const { return additions_; }
  std::string_view original_id() const { return {additions_.request_id.data(), id_bytes_}; }
  // All of the body; valid until the next call.
  exchange::BodyPiece body();

 private:
  http::RequestHead head_;
  http::RequestAdditions additions_;
  net::BufferRef store_;  // fields, then text
  net::BufferRef body_;
  iovec body_slice_{};
  std::uint32_t body_bytes_ = 0;
  std::uint32_t id_bytes_ = 0;
};

}  // namespace switchback::mirror
