// The storm's WebSockets: messages numbered both ways, each connection used until its Close 1012.
#include <stdexcept>
#include <utility>

#include "tests/e2e/storm_load.hpp"
#include "tests/support/websocket.hpp"

namespace switchback::test {

namespace {
// False: a Close or the end came in place of the message. Another message than the next throws.
bool expect(WebSocketPeer& peer, const std::string& wanted) {
  const auto got = peer.read_message();
  if (got && *got != wanted)
    throw std::runtime_error("got \"" + *got + "\" for \"" + wanted + "\"");
  return got.has_value();
}
}  // namespace

void Storm::websocket_session(Asked& asked) {
  WebSocketPeer peer = WebSocketPeer::connect(doors_.open(asked.door, asked.number), "/ws");
  note_served(asked, peer.served_by());
  note_answer(asked);
  std::uint64_t heard = 0;
  Moment turn = asked.begun;
  for (std::uint64_t sent = 0;; ++sent) {
    const std::string number = std::to_string(sent);
    // Of the turn before: this thread may have slept since, and hears only now how it ended.
    asked.begun = std::exchange(turn, std::chrono::steady_clock::now());
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
    // A server that was killed takes its tunnels along; its clients are told so by the end alone.
    note_failure(asked, Excuse::tunnel, peer.served_by(),
                 "on " + peer.served_by() + ", ended with code " +
                     std::to_string(peer.close_code()) + " after " + std::to_string(heard) +
                     " messages");
  }
}

}  // namespace switchback::test
