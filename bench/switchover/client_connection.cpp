#include "bench/switchover/client_connection.hpp"

#include <array>

namespace switchback::bench {
namespace {

using Step = Link::Step;

constexpr std::size_t body_kept = 64 * 1024;  // for a color in the body

AnswerWish wish_of(const ColorReader& colors) {
  return {colors.by_body() ? std::string_view() : std::string_view(colors.header()),
          colors.by_body() ? body_kept : 0};
}

// Client frames (RFC 6455 section 5.2), masked with zeros: allowed, and the bytes stay readable.
std::string ping_frame() {
  return std::string("\x89\x84\0\0\0\0flip", 10);
}
std::string close_frame() {
  return std::string("\x88\x82\0\0\0\0\x03\xe8", 8);  // 1000
}

constexpr unsigned opcode_close = 8, opcode_pong = 10;

// The first whole server frame: its opcode, taken off. nullopt: not whole yet.
std::optional<unsigned> take_frame(std::string& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  std::size_t length = byte(1) & 0x7f, head = 2;
  const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (bytes.size() < head + more) return std::nullopt;
  if (more > 0) {
    length = 0;
    for (std::size_t i = 0; i < more; ++i) length = length << 8 | byte(head + i);
  }
  head += more;
  if (bytes.size() - head < length) return std::nullopt;
  const unsigned opcode = byte(0) & 0x0f;
  bytes.erase(0, head + length);
  return opcode;
}

}  // namespace

ClientConnection::ClientConnection(const LaneContext& lane)
    : lane_(lane), answer_(wish_of(lane.colors)) {}

void ClientConnection::ask(Nanos meant) {
  meant_ = meant;
  since_ = monotonic_ns();
  out_ = lane_.request;
  out_done_ = 0;
  wants_write_ = false;
  if (state_ == State::closed) {
    state_ = State::opening;
    const auto step = link_.open(lane_.options.target, lane_.tls);
    if (step == Step::failed) return fail(Fault::connect, link_.error());
    wants_write_ = step == Step::want_write;
    if (step != Step::done) return;
  }
  state_ = State::sending;
  answer_.begin();
  advance();
}

void ClientConnection::on_event() {
  if (state_ != State::idle) return advance();
  // A kept connection that the peer closes between requests hurts nobody. (TLS may have something
  // of its own to say there, such as a ticket.)
  char byte;
  const auto step = link_.read(&byte, 1).step;
  if (step != Step::want_read && step != Step::want_write) close();
}

void ClientConnection::advance() {
  if (state_ == State::opening && !opened()) return;
  if (state_ == State::sending && !sent()) return;
  if (link_.is_open() && state_ != State::idle) receive();
}

bool ClientConnection::opened() {
  const bool had_tcp = link_.connected();
  const auto step = link_.ready();
  wants_write_ = step == Step::want_write;
  if (step == Step::failed) {
    fail(had_tcp ? Fault::tls : Fault::connect, link_.error());
    return false;
  }
  if (step != Step::done) return false;
  state_ = State::sending;
  answer_.begin();
  return true;
}

bool ClientConnection::sent() {
  // A request begins when its first byte is about to leave.
  if (!ticket_ && out_done_ == 0) ticket_ = lane_.log.begin(lane_.index, meant_);
  while (out_done_ < out_.size()) {
    const auto moved = link_.write(std::string_view(out_).substr(out_done_));
    wants_write_ = moved.step == Step::want_write;
    if (moved.step == Step::failed || moved.step == Step::end) {
      fail(Fault::closed, link_.error());
      return false;
    }
    if (moved.step != Step::done) return false;
    out_done_ += moved.bytes;
  }
  state_ = State::reading;
  return true;
}

void ClientConnection::receive() {
  std::array<char, 16384> buffer;
  while (link_.is_open()) {
    const auto moved = link_.read(buffer.data(), buffer.size());
    if (moved.step == Step::want_read || moved.step == Step::want_write) return;
    if (moved.step != Step::done) return ended();
    take({buffer.data(), moved.bytes});
    if (state_ == State::idle || state_ == State::closed) return;
    // A short read has taken all there was; what comes later is told by the poll.
    if (!lane_.options.target.tls && moved.bytes < buffer.size()) return;
  }
}

void ClientConnection::take(std::string_view bytes) {
  if (state_ == State::pinging || state_ == State::closing) return tunnel_bytes(bytes);
  switch (answer_.feed(bytes)) {
    case AnswerReader::State::needs_more:
      return;
    case AnswerReader::State::faulty:
      return fail(Fault::garbled, "");
    case AnswerReader::State::done:
      return answer_done();
  }
}

void ClientConnection::answer_done() {
  const unsigned status = answer_.status();
  const bool websocket = lane_.options.protocol == Protocol::websocket;
  if (status >= 500) return fail(Fault::status, std::to_string(status));
  if (websocket != (status == 101)) return fail(Fault::refused, std::to_string(status));
  if (const auto color = lane_.colors.color_of(answer_.header_value(), answer_.body())) {
    lane_.log.end(*ticket_, *color);
  } else {
    lane_.log.end_unjudged(*ticket_);
  }
  ticket_.reset();
  if (websocket) {
    tunnel_ = answer_.take_rest();
    send_now(ping_frame(), State::pinging);
    if (state_ == State::pinging) tunnel_bytes({});
    return;
  }
  const bool keep = lane_.options.protocol == Protocol::keep_alive && answer_.keep_alive();
  if (!keep) return close();
  state_ = State::idle;
}

// A session is over when the peer has answered our Close; a Close of its own (1012, when the drain
// of a flip asks tunnels to move) ends it in order as well.
void ClientConnection::tunnel_bytes(std::string_view bytes) {
  constexpr std::size_t most = 1 << 20;
  tunnel_.append(bytes);
  if (tunnel_.size() > most) return fail(Fault::garbled, "a frame larger than 1 MiB");
  while (const auto opcode = take_frame(tunnel_)) {
    if (*opcode == opcode_close) return close();
    if (*opcode == opcode_pong && state_ == State::pinging) send_now(close_frame(), State::closing);
    if (state_ == State::closed) return;
  }
}

// Frames are a few bytes on an empty socket buffer: they go out whole, or the session is broken.
void ClientConnection::send_now(std::string bytes, State next) {
  state_ = next;
  since_ = monotonic_ns();
  const auto moved = link_.write(bytes);
  if (moved.step != Step::done || moved.bytes != bytes.size()) {
    fail(Fault::cut, "a WebSocket frame could not be sent");
  }
}

void ClientConnection::ended() {
  if (state_ == State::pinging || state_ == State::closing) {
    return fail(Fault::cut, "a WebSocket closed without a Close frame");
  }
  const bool cut = answer_.started();
  if (cut && link_.error().empty() && answer_.at_end() == AnswerReader::State::done) {
    answer_done();
    return close();
  }
  fail(cut ? Fault::cut : Fault::closed, link_.error());
}

void ClientConnection::on_timeout() {
  if (free()) return;
  fail(Fault::timeout, "");
}

void ClientConnection::fail(Fault fault, const std::string& detail) {
  if (ticket_) {
    lane_.log.fail(*ticket_, fault, detail);
  } else {
    lane_.log.fail(lane_.index, fault, detail);
  }
  ticket_.reset();
  close();
}

void ClientConnection::close() {
  link_.close();
  state_ = State::closed;
  wants_write_ = false;
  tunnel_.clear();
  answer_.take_rest();
}

}  // namespace switchback::bench
