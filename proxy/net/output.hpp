// What a peer has not taken yet. Written bytes go straight from where they are; only when the
// kernel takes less than all of them is the rest remembered: body slices by reference to their
// buffer, everything else (heads, chunk framing) by copy. What comes in a pipe waits in it.
//
// Bounded by construction: a sender that was told `blocked` sends nothing more until flush() says
// `sent`, so at most one message's head and one buffer are held.
#pragma once

#include <span>

#include "proxy/net/stream.hpp"

namespace switchback::net {

enum class SendResult : std::uint8_t {
  sent,     // all of it is with the kernel
  blocked,  // kept; flush() when the stream is writable again
  failed,   // the peer is gone, or a head of more than a buffer could not be kept for it
};

class Output {
 public:
  // `owner`: the buffer that body slices lie in; may be empty.
  SendResult send(Stream& stream, BufferPool& pool, std::span<iovec> pieces,
                  const BufferRef& owner);
  // All that the pipe holds. Blocked: the pipe is taken over.
  SendResult send(Stream& stream, PipeRef& pipe);
  SendResult flush(Stream& stream);
  bool pending() const { return store_ || pipe_; }
  void clear();

 private:
  struct Held;
  Held& held() const;
  bool keep(BufferPool& pool, std::span<iovec> rest, const BufferRef& owner);
  BufferRef store_;  // a Held followed by copied bytes
  BufferRef owner_;
  PipeRef pipe_;  // instead of the two
};

// Drops the first `bytes` from `pieces`.
std::span<iovec> advance(std::span<iovec> pieces, std::size_t bytes);

}  // namespace switchback::net
