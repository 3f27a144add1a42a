#include "proxy/tunnel/frame_tracker.hpp"

#include <algorithm>

namespace switchback::tunnel {

namespace {
constexpr std::uint8_t fin_bit = 0x80, rsv_bits = 0x70, opcode_bits = 0x0f;
constexpr std::uint8_t mask_bit = 0x80, length_bits = 0x7f;
constexpr std::uint8_t control_bit = 0x08;
constexpr std::uint64_t mask_bytes = 4, longest_control = 125;
}  // namespace

void FrameTracker::start(Sender sender, bool extensions) {
  *this = FrameTracker();
  masked_ = sender == Sender::client;
  extensions_ = extensions;
}

void FrameTracker::follow(const char* data, std::size_t size) {
  for (std::size_t at = 0; at < size;) at += follow_frame(data + at, size - at);
}

std::size_t FrameTracker::follow_frame(const char* data, std::size_t size) {
  if (lost_ || closed_) return size;
  std::size_t at = 0;
  while (head_size_ < head_wanted_) {
    if (at == size) return size;
    if (!take(static_cast<std::uint8_t>(data[at++]))) {
      lost_ = true;
      return size;
    }
  }
  const std::uint64_t step = std::min<std::uint64_t>(left_, size - at);
  left_ -= step;
  at += static_cast<std::size_t>(step);
  if (left_ == 0) end_frame();
  return at;
}

// False: no frame begins so.
bool FrameTracker::take(std::uint8_t byte) {
  const std::uint8_t place = head_size_++;
  const bool good = place == 0   ? take_first(byte)
                    : place == 1 ? take_second(byte)
                                 : take_length(byte);
  if (good && head_size_ == head_wanted_) left_ = length_ + (masked_ ? mask_bytes : 0);
  return good;
}

bool FrameTracker::take_first(std::uint8_t byte) {
  opcode_ = byte & opcode_bits;
  final_ = (byte & fin_bit) != 0;
  if (!extensions_ && (byte & rsv_bits) != 0) return false;
  if (opcode_ & control_bit) return final_ && (extensions_ || opcode_ <= pong);
  if (!extensions_ && opcode_ > binary) return false;
  return message_open_ == (opcode_ == continuation);
}

bool FrameTracker::take_second(std::uint8_t byte) {
  if (((byte & mask_bit) != 0) != masked_) return false;
  length_ = byte & length_bits;
  if (opcode_ & control_bit) {
    return length_ <= longest_control && !(opcode_ == close && length_ == 1);
  }
  if (length_ <= longest_control) return true;
  head_wanted_ = length_ == 126 ? 4 : 10;
  length_ = 0;
  return true;
}

bool FrameTracker::take_length(std::uint8_t byte) {
  if (head_size_ == 3 && head_wanted_ == 10 && (byte & 0x80)) return false;
  length_ = length_ << 8 | byte;
  if (head_size_ < head_wanted_) return true;
  return length_ > (head_wanted_ == 4 ? longest_control : 0xffffu);
}

void FrameTracker::end_frame() {
  ++frames_;
  if (!(opcode_ & control_bit)) message_open_ = !final_;
  closed_ = opcode_ == close;
  head_size_ = 0;
  head_wanted_ = 2;
}

}  // namespace switchback::tunnel
