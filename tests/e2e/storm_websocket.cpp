// The storm's WebSockets: messages numbered both ways, each connection used until its Close 1012.
#include <stdexcept>

#include "tests/e2e/storm_load.hpp"
#include "tests/support/websocket.hpp"

namespace switchback::test {

namespace {
// False: a Close came in place of the message. Anything else than the next one throws.
bool expect(WebSocketPeer& peer, const std::string& wanted) {
  const auto got = peer.read_message();
  if (got && *got != wanted) throw std::runtime_error("got \"" + *got + "\" for \"" + wanted + "\"");
  return got.has_value();
}
}  // namespace

void Storm::websocket_session() {
  const Stage before = stage();
  WebSocketPeer peer = WebSocketPeer::connect(address_, "/ws");
  note_served(Kind::websocket, before, peer.served_by());
  ++by_kind_[static_cast<std::size_t>(Kind::websocket)];
  std::uint64_t heard = 0;
  for (std::uint64_t sent = 0;; ++sent) {
    const std::string number = std::to_string(sent);
    // Whether it still could be sent does not matter: what can be read says how it ended.
    if (stopping_) {
      peer.stream().try_send(peer.bytes(ws_close, "\x03\xe8"));
    } else {
      peer.stream().try_send(peer.bytes(ws_text, number));
      if (sent % 16 == 15) peer.stream().try_send(peer.bytes(ws_ping, number));
    }
    if (!expect(peer, std::to_string(heard) + " " + number)) break;
    if (!expect(peer, std::to_string(heard + 1))) break;
    heard += 2;
    messages_ += 3;
  }
  if (peer.close_code() == 1012) {
    ++closes_;
    // The proxy may have cut it by now: the answer is good manners, not a message.
    peer.stream().try_send(peer.bytes(ws_close, "\x03\xf4"));
  } else if (!stopping_ || peer.close_code() != 1000) {
    throw std::runtime_error("ended with code " + std::to_string(peer.close_code()) + " after " +
                             std::to_string(heard) + " messages");
  }
}

void Storm::run_websocket() {
  while (!stopping_) {
    try {
      websocket_session();
    } catch (const std::exception& fault) {
      ++failed_;
      complain(Kind::websocket, fault.what());
    }
  }
}

}  // namespace switchback::test
