#include "proxy/tunnel/close_frame.hpp"

#include <cstring>
#include <string_view>

namespace switchback::tunnel {

namespace {
// For whoever reads a log of the other side; UTF-8, as §5.5.1 wants.
std::string_view sentence_of(CloseCode code) {
  return code == CloseCode::service_restart ? "service restart" : "going away";
}
}  // namespace

std::size_t write_close_frame(char* out, CloseCode code, Sender from, std::uint32_t mask_key) {
  const std::string_view sentence = sentence_of(code);
  const bool masked = from == Sender::client;
  const std::size_t length = 2 + sentence.size();
  std::size_t at = 0;
  out[at++] = static_cast<char>(0x88);
  out[at++] = static_cast<char>((masked ? 0x80 : 0) | length);
  char key[4] = {};
  if (masked) {
    std::memcpy(key, &mask_key, sizeof key);
    std::memcpy(out + at, key, sizeof key);
    at += sizeof key;
  }
  char* const payload = out + at;
  payload[0] = static_cast<char>(static_cast<std::uint16_t>(code) >> 8);
  payload[1] = static_cast<char>(static_cast<std::uint16_t>(code) & 0xff);
  std::memcpy(payload + 2, sentence.data(), sentence.size());
  for (std::size_t i = 0; i < length; ++i) payload[i] = static_cast<char>(payload[i] ^ key[i & 3]);
  return at + length;
}

}  // namespace switchback::tunnel
