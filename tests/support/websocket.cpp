#include "tests/support/websocket.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <strings.h>

#include <stdexcept>

namespace switchback::test {

namespace {

std::string field_of(const std::string& head, const std::string& name) {
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string::npos) {
    at += 2;
    if (::strncasecmp(head.c_str() + at, name.c_str(), name.size()) != 0) continue;
    if (head[at + name.size()] != ':') continue;
    const auto from = head.find_first_not_of(' ', at + name.size() + 1);
    return head.substr(from, head.find("\r\n", from) - from);
  }
  return {};
}

std::uint64_t number_at(const std::string& buffer, std::size_t at, std::size_t bytes) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < bytes; ++i) n = n << 8 | static_cast<std::uint8_t>(buffer[at + i]);
  return n;
}

void demand(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("websocket: ") + what);
}

}  // namespace

unsigned WebSocketFrame::code() const {
  return payload.size() < 2 ? 0 : static_cast<unsigned>(number_at(payload, 0, 2));
}

WebSocketFrame websocket_close(unsigned code, bool masked) {
  return {ws_close, {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}, true, masked};
}

std::string websocket_bytes(const WebSocketFrame& frame) {
  const std::size_t size = frame.payload.size();
  const unsigned mask_bit = frame.masked ? 0x80 : 0;
  std::string out;
  out += static_cast<char>((frame.final ? 0x80 : 0) | frame.rsv << 4 | frame.opcode);
  const std::size_t length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  out += static_cast<char>(mask_bit | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (std::size_t i = length_bytes; i-- > 0;) out += static_cast<char>(size >> (8 * i) & 0xff);
  if (!frame.masked) return out + frame.payload;
  const char key[4] = {'\x9d', '\x03', static_cast<char>(size), '\x41'};
  out.append(key, 4);
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(frame.payload[i] ^ key[i % 4]);
  return out;
}

std::optional<WebSocketFrame> take_websocket_frame(std::string& buffer, bool from_client) {
  if (buffer.size() < 2) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(buffer[0]);
  const auto second = static_cast<std::uint8_t>(buffer[1]);
  WebSocketFrame frame;
  frame.final = (first & 0x80) != 0;
  frame.rsv = first >> 4 & 7;
  frame.opcode = first & 15;
  frame.masked = (second & 0x80) != 0;
  demand(frame.masked == from_client, "mask");
  std::uint64_t size = second & 0x7f;
  const std::size_t length_bytes = size < 126 ? 0 : size == 126 ? 2 : 8;
  std::size_t at = 2 + length_bytes;
  if (buffer.size() < at + (frame.masked ? 4 : 0)) return std::nullopt;
  if (length_bytes > 0) {
    size = number_at(buffer, 2, length_bytes);
    demand(size > (length_bytes == 2 ? 125u : 65535u) && size >> 63 == 0, "length");
  }
  if (frame.opcode >= 8) demand(frame.final && size <= 125, "control frame");
  char key[4] = {};
  if (frame.masked) buffer.copy(key, 4, at);
  at += frame.masked ? 4 : 0;
  if (buffer.size() - at < size) return std::nullopt;
  frame.payload = buffer.substr(at, size);
  for (std::size_t i = 0; i < size; ++i) {
    frame.payload[i] = static_cast<char>(frame.payload[i] ^ key[i % 4]);
  }
  buffer.erase(0, at + size);
  return frame;
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH], encoded[32];
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  const int size = ::EVP_EncodeBlock(encoded, digest, sizeof digest);
  return {reinterpret_cast<char*>(encoded), static_cast<std::size_t>(size)};
}

std::string WebSocketPeer::request(const std::string& target, const std::string& extra_fields) {
  return "GET " + target +
         " HTTP/1.1\r\nHost: shop.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         extra_fields + "\r\n";
}

std::string WebSocketPeer::answer(const std::string& request_head, const std::string& fields) {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Accept: " +
         websocket_accept(field_of(request_head, "Sec-WebSocket-Key")) + "\r\n" + fields + "\r\n";
}

WebSocketPeer WebSocketPeer::connect(const std::string& address, const std::string& target,
                                     const std::string& extra_fields) {
  return connect(RawClient(address), target, extra_fields);
}

WebSocketPeer WebSocketPeer::connect(RawClient stream, const std::string& target,
                                     const std::string& extra_fields) {
  WebSocketPeer peer;
  peer.own_.emplace(std::move(stream));
  peer.own_->send(request(target, extra_fields));
  const std::string head = peer.own_->read_head();
  demand(head.starts_with("HTTP/1.1 101 "), head.c_str());
  demand(field_of(head, "Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "accept");
  peer.served_by_ = field_of(head, "X-Served-By");
  return peer;
}

WebSocketPeer WebSocketPeer::accept(RawClient& stream, const std::string& fields) {
  WebSocketPeer peer;
  peer.borrowed_ = &stream;
  peer.client_ = false;
  stream.send(answer(stream.read_head(), fields));
  return peer;
}

std::string WebSocketPeer::bytes(unsigned opcode, std::string payload, bool final) const {
  return websocket_bytes({opcode, std::move(payload), final, client_});
}

void WebSocketPeer::send(unsigned opcode, std::string payload, bool final) {
  stream().send(bytes(opcode, std::move(payload), final));
}

void WebSocketPeer::send_close(unsigned code) {
  stream().send(websocket_bytes(websocket_close(code, client_)));
}

std::optional<WebSocketFrame> WebSocketPeer::read_frame() {
  for (;;) {
    if (auto frame = take_websocket_frame(buffer_, !client_)) return frame;
    const std::string more = stream().read_some();
    if (more.empty()) return std::nullopt;
    buffer_ += more;
  }
}

std::optional<std::string> WebSocketPeer::read_message() {
  std::string message;
  bool open = false;
  while (auto frame = read_frame()) {
    if (frame->opcode == ws_close) {
      close_code_ = frame->code();
      return std::nullopt;
    }
    if (frame->opcode == ws_ping) send(ws_pong, frame->payload);
    if (frame->opcode >= ws_close) continue;
    demand(open == (frame->opcode == ws_continuation), "fragments");
    message += frame->payload;
    open = !frame->final;
    if (!open) return message;
  }
  return std::nullopt;
}

bool WebSocketPeer::wait_for_end() {
  return buffer_.empty() && stream().wait_for_end();
}

}  // namespace switchback::test
