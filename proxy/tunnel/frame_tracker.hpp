// Follows the WebSocket frames of one direction without touching them: it reads heads, counts
// payloads off, and so knows where one frame ends and the next begins.
//
// Rules (RFC 6455): §5.1 clients mask and servers do not; §5.2 lengths in the fewest bytes, the top
// bit of 64-bit lengths clear, RSV bits and unknown opcodes only with extensions; §5.4 messages in
// fragments that do not interleave; §5.5 control frames of at most 125 bytes, never fragmented;
// §5.5.1 a Close body of none or at least two bytes, nothing after a Close. What breaks one cannot
// be followed any more: the tracker is `lost` and stays so.
// Cost: constant per frame and per call, whatever the payload's length. No memory, no errors beside
// `lost`. Threads: its owner's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchback::tunnel {

enum class Sender : std::uint8_t { client, server };

class FrameTracker {
 public:
  // `extensions`: some were agreed on in the handshake, so that bits and opcodes that are reserved
  // without them may be used (permessage-deflate sets RSV1).
  void start(Sender sender, bool extensions);

  // Follows from `data` to the end of the first frame that ends there; returns how many bytes that
  // took, or `size` when none does. Once lost or closed everything is taken.
  std::size_t follow_frame(const char* data, std::size_t size);
  void follow(const char* data, std::size_t size);  // to the end, across frames

  // Another frame could begin here. Also within a fragmented message, between its frames, where
  // control frames may stand (§5.4).
  bool at_boundary() const { return head_size_ == 0 && !closed_ && !lost_; }
  bool lost() const { return lost_; }
  bool close_begun() const { return closed_ || (head_size_ > 0 && opcode_ == close && !lost_); }
  bool closed() const { return closed_; }  // a whole Close frame has passed
  std::uint64_t frames() const { return frames_; }

 private:
  static constexpr std::uint8_t continuation = 0, text = 1, binary = 2, close = 8, pong = 10;

  bool take(std::uint8_t byte);
  bool take_first(std::uint8_t byte);
  bool take_second(std::uint8_t byte);
  bool take_length(std::uint8_t byte);
  void end_frame();

  std::uint64_t length_ = 0;    // of the payload, as far as its bytes have come
  std::uint64_t left_ = 0;      // of mask and payload
  std::uint64_t frames_ = 0;    // that have passed
  std::uint8_t head_size_ = 0;  // bytes of the head that have come, without the mask
  std::uint8_t head_wanted_ = 2;
  std::uint8_t opcode_ = 0;
  bool final_ = false;
  bool masked_ = false;  // what the sender has to do
  bool extensions_ = false;
  bool message_open_ = false;  // between the fragments of a message
  bool closed_ = false;
  bool lost_ = false;
};

}  // namespace switchback::tunnel
