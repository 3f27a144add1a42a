// WebSocket for tests (RFC 6455), written apart from what it tests: frames as values, and an end of
// a connection that speaks them by hand, so that a test decides about every frame and fragment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/raw_client.hpp"

namespace switchback::test {

struct WebSocketFrame {
  unsigned opcode = 1;
  std::string payload;  // unmasked
  bool final = true;
  bool masked = false;
  unsigned rsv = 0;
  // Of a Close; 0: none was given.
  unsigned code() const;
};

inline constexpr unsigned ws_continuation = 0, ws_text = 1, ws_binary = 2, ws_close = 8,
                          ws_ping = 9, ws_pong = 10;

std::string websocket_bytes(const WebSocketFrame& frame);
WebSocketFrame websocket_close(unsigned code, bool masked);
// Takes a whole frame off the front of `buffer`; none while it is not all there. Throws
// std::runtime_error on what RFC 6455 §5 forbids.
std::optional<WebSocketFrame> take_websocket_frame(std::string& buffer, bool from_client);
std::string websocket_accept(std::string_view key);  // Sec-WebSocket-Accept

class WebSocketPeer {
 public:
  // As a client: connects, asks for `target`, reads the 101. Throws when there is none.
  static WebSocketPeer connect(const std::string& address, const std::string& target = "/",
                               const std::string& extra_fields = "");
  static WebSocketPeer connect(RawClient stream, const std::string& target = "/",
                               const std::string& extra_fields = "");
  // As a server, on a connection whose request was not read yet. `fields`: of the 101.
  static WebSocketPeer accept(RawClient& stream, const std::string& fields = "");

  static std::string request(const std::string& target, const std::string& extra_fields = "");
  static std::string answer(const std::string& request_head, const std::string& fields = "");

  void send(unsigned opcode, std::string payload, bool final = true);
  void send_text(std::string payload) { send(ws_text, std::move(payload)); }
  void send_close(unsigned code);
  std::string bytes(unsigned opcode, std::string payload, bool final = true) const;
  // The next frame; none at the connection's end. `clean()` then says whether between frames.
  std::optional<WebSocketFrame> read_frame();
  // The next data message, its fragments joined; pings are answered, pongs skipped. A Close (or the
  // end) gives none: see close_code() (0: no Close came).
  std::optional<std::string> read_message();
  unsigned close_code() const { return close_code_; }
  bool clean() const { return buffer_.empty() && !stream().reset_seen(); }
  bool wait_for_end();  // true: an orderly end without another byte
  RawClient& stream() { return borrowed_ ? *borrowed_ : *own_; }
  const RawClient& stream() const { return borrowed_ ? *borrowed_ : *own_; }
  const std::string& served_by() const { return served_by_; }

 private:
  WebSocketPeer() = default;
  std::optional<RawClient> own_;
  RawClient* borrowed_ = nullptr;
  bool client_ = true;
  std::string buffer_;
  std::string served_by_;
  unsigned close_code_ = 0;
};

}  // namespace switchback::test
