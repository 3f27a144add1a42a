// Frames a body on its way out: chunked (RFC 9112 §7.1), by length, or by the connection's end.
// Only arranges pieces; the caller writes them in one gathering send.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string_view>

#include "proxy/http/head.hpp"
#include "proxy/http1/encoder.hpp"

namespace switchback::http1 {

class BodyFramer {
 public:
  // Pieces that frame() may add around the caller's slices.
  static constexpr std::size_t extra_pieces = 5;

  void start(http::BodyKind kind) { kind_ = kind; }
  http::BodyKind kind() const { return kind_; }

  // Appends to out[count...]; returns the new count. The size line lies in this object: it must
  // stay where it is until the pieces are written (or copied).
  std::size_t frame(iovec* out, std::size_t count, const iovec* slices, std::size_t slice_count,
                    std::size_t bytes, bool end, std::string_view trailers) {
    const bool chunked = kind_ == http::BodyKind::chunked;
    if (bytes > 0) {
      if (chunked) out[count++] = {size_line_, write_chunk_size(size_line_, bytes)};
      for (std::size_t i = 0; i < slice_count; ++i) out[count++] = slices[i];
    }
    if (!chunked) return count;
    if (!end) {
      if (bytes > 0) add(out, count, "\r\n");
    } else if (trailers.empty()) {
      add(out, count, bytes > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
    } else {
      add(out, count, bytes > 0 ? "\r\n0\r\n" : "0\r\n");
      add(out, count, trailers);
      add(out, count, "\r\n");
    }
    return count;
  }

 private:
  static void add(iovec* out, std::size_t& count, std::string_view text) {
    out[count++] = {const_cast<char*>(text.data()), text.size()};
  }
  http::BodyKind kind_ = http::BodyKind::none;
  char size_line_[24];
};

}  // namespace switchback::http1
