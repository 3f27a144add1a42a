// An exchange after its 101: what each end sends goes to the other, until one of them, an idle
// limit, a drain or the process's end closes it (tunnel/tunnel.hpp says how).
#include <sys/random.h>

#include <cstring>

#include "proxy/exchange/exchange.hpp"
#include "proxy/http/chars.hpp"

namespace switchback::exchange {

using drain::Outcome;
using http::FieldId;
using http::Reason;
using tunnel::Step;
using tunnel::Way;

namespace {

constexpr std::size_t side_of(Way towards) {
  return towards == Way::to_client ? 0 : 1;
}

bool lists(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    if (http::iequals(http::next_element(list), wanted)) return true;
  }
  return false;
}

bool has_extensions(const http::ResponseHead& head) {
  for (const http::Field& field : head.fields) {
    if (http::iequals(field.name(), "Sec-WebSocket-Extensions") && !field.value().empty()) {
      return true;
    }
  }
  return false;
}

// RFC 6455 §5.3: not to be guessed by whoever chose the payload.
std::uint32_t mask_key() {
  std::uint32_t key = 0;
  if (::getrandom(&key, sizeof key, GRND_NONBLOCK) != sizeof key) key = 0x5b8f03d1;
  return key;
}

// The shorter of two limits of which 0 is none.
config::Duration shorter(config::Duration a, config::Duration b) {
  if (a.count() == 0 || b.count() == 0) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

// RFC 9110 §7.8: a server switches to what the client offered, and to nothing else. Who lets it
// pass ends up tunnelling a protocol that was filtered out of the offer.
bool Exchange::agreed_upgrade(const http::ResponseHead& head) const {
  if (!head_->upgrade) return false;
  for (const http::Field& field : head.fields) {
    if (field.id != FieldId::upgrade) continue;
    for (std::string_view list = field.value(); !list.empty();) {
      const std::string_view protocol = http::next_element(list);
      if (!protocol.empty() && !lists(head_->upgrade_protocol, protocol)) return false;
    }
  }
  return true;
}

void Exchange::open_tunnel(const http::ResponseHead& head) {
  const http::Field* upgrade = head.find(FieldId::upgrade);
  tunnel_.begin(upgrade && http::iequals(upgrade->value(), "websocket"), has_extensions(head));
  tunnel_reason_ = Reason::none;
  tunnel_cut_ = tunnel_lost_ = false;
  color_stats().tunnels.begun.add();
}

// After the head of the 101, and the server's first bytes behind it, have been sent.
void Exchange::enter_tunnel(const BodyPiece& piece) {
  up_->begin_tunnel();
  down_->begin_tunnel();
  for (std::size_t i = 0; i < piece.count; ++i) {
    tunnel_.on_bytes(Way::to_client, static_cast<const char*>(piece.slices[i].iov_base),
                     piece.slices[i].iov_len);
  }
  deadline_ = Deadline::tunnel_idle;
  tunnel_moved();
  if (context_.shutting_down) end_tunnel_in(0);
}

// A byte has moved: the idle limit counts from now.
void Exchange::tunnel_moved() {
  if (deadline_ != Deadline::tunnel_idle) return;
  const config::Timeouts& timeouts = service().timeouts;
  arm(Deadline::tunnel_idle,
      tunnel_.half_closed() ? shorter(timeouts.idle, timeouts.tunnel_idle) : timeouts.tunnel_idle);
}

Flow Exchange::tunnel_from_client(const BodyPiece& piece) {
  if (!tunnel_move(Way::to_server, piece)) return Flow::over;
  // What a server that takes nothing more cannot be told waits with the client, until its end.
  const bool waits =
      tunnel_.carries(Way::to_server) ? upstream_blocked_ : upload_broken_ && !tunnel_.asked();
  return waits ? Flow::pause : Flow::proceed;
}

Flow Exchange::tunnel_from_server(const BodyPiece& piece) {
  if (!tunnel_move(Way::to_client, piece)) return Flow::over;
  if (!up_) return Flow::over;
  return tunnel_.carries(Way::to_client) && client_blocked_ ? Flow::pause : Flow::proceed;
}

bool Exchange::tunnel_move(Way way, const BodyPiece& piece) {
  SB_ASSERT(piece.count <= 1);  // bodies that end with the connection come in one slice
  Step step;
  if (piece.bytes > 0) {
    step = tunnel_.on_bytes(way, static_cast<const char*>(piece.slices[0].iov_base), piece.bytes);
  }
  if (piece.end) step.end = tunnel_.on_end(way).end || step.end;
  if (tunnel_.lost() && !tunnel_lost_) {
    tunnel_lost_ = true;
    color_stats().tunnels.not_followed.add();
  }
  if (step.any() && !tunnel_give(way, piece, step)) return false;
  tunnel_moved();
  // What came one way may have been the answer that the other waited for.
  return tunnel_due(other(way)) && tunnel_settle();
}

// Carries out a step of a way that is not blocked; `piece`: what Step::pass counts from.
bool Exchange::tunnel_give(Way way, const BodyPiece& piece, const Step& step) {
  char frame[tunnel::max_close_frame_bytes];
  iovec slices[2];
  BodyPiece out;
  out.slices = slices;
  out.owner = piece.owner;
  out.end = step.end;
  out.bytes = step.pass;
  if (step.pass > 0) slices[out.count++] = {piece.slices[0].iov_base, step.pass};
  if (step.close) {
    const bool to_server = way == Way::to_server;
    const std::size_t size = tunnel::write_close_frame(
        frame, tunnel_.code(), to_server ? tunnel::Sender::client : tunnel::Sender::server,
        to_server ? mask_key() : 0);
    slices[out.count++] = {frame, size};
    out.bytes += size;
    color_stats().tunnels.closes_sent[side_of(way)].add();
  }
  if (way == Way::to_server) {
    if (!up_) return true;
    bytes_in_ += step.pass;
    const SendResult result = up_->send_body(out);
    upstream_blocked_ = result == SendResult::blocked;
    return result != SendResult::failed || tunnel_write_failed();
  }
  bytes_out_ += step.pass;
  const SendResult result = down_->send_response(nullptr, out);
  client_blocked_ = result == SendResult::blocked;
  if (result != SendResult::failed) return true;
  on_downstream_gone(Reason::client_reset);
  return false;
}

// The server takes nothing more. It may have said something before it went, which its end follows.
bool Exchange::tunnel_write_failed() {
  upload_broken_ = true;
  tunnel_.broken(Way::to_server);
  if (!tunnel_.source_ended(Way::to_client)) return true;
  tunnel_server_gone(Reason::server_write_failed);
  return phase_ == Phase::tunnel;
}

bool Exchange::tunnel_due(Way way) {
  const bool blocked = way == Way::to_server ? upstream_blocked_ : client_blocked_;
  if (blocked) return true;
  const Step step = tunnel_.due(way);
  return !step.any() || tunnel_give(way, {}, step);
}

bool Exchange::tunnel_settle() {
  if (!tunnel_.finished() || client_blocked_ || (up_ && upstream_blocked_)) return true;
  finish_tunnel(tunnel_outcome(), Ending::close);
  return false;
}

// What was blocked has been taken.
void Exchange::tunnel_writable(Way way) {
  (way == Way::to_server ? upstream_blocked_ : client_blocked_) = false;
  tunnel_moved();
  if (!up_ && !tunnel_.close_sent(Way::to_client)) {  // only its last bytes were waited for
    finish_tunnel(tunnel_outcome(), Ending::close);
    return;
  }
  if (!tunnel_due(way) || !tunnel_settle()) return;
  if (way == Way::to_client) {
    if (up_) up_->resume_response();
    // Nothing of the client's is read before it has its 101.
    if (upstream_blocked_ || (upload_broken_ && !tunnel_.asked())) return;
  }
  if (!tunnel_.source_ended(Way::to_server)) down_->read_body(true);
}

// The server's connection broke. Whoever speaks WebSocket sees by the missing Close that something
// is missing, so the client may have what came; of another protocol we know nothing, so that a cut
// stays a cut.
void Exchange::tunnel_server_gone(Reason reason) {
  if (reason_ == Reason::none) reason_ = reason;
  const bool gentle = tunnel_.websocket() || tunnel_.ended(Way::to_client);
  drop_upstream(false);
  upstream_blocked_ = false;
  tunnel_.broken(Way::to_server);
  if (tunnel_.close_sent(Way::to_client)) {  // only the client's answer is missing
    tunnel_.on_end(Way::to_client);
    tunnel_settle();
  } else if (gentle && client_blocked_) {
    down_->read_body(false);
    tunnel_moved();
  } else {
    finish_tunnel(tunnel_outcome(), gentle ? Ending::close : Ending::abort);
  }
}

void Exchange::end_tunnel_in(Nanos in_ns) {
  if (tunnel_.asked()) return;
  deadline_ = Deadline::tunnel_close;
  deadline_ns_ = context_.reactor.now_ns() + in_ns;
  set_timer();
}

void Exchange::end_tunnel(tunnel::CloseCode code, Reason reason, config::Duration grace) {
  if (tunnel_.asked()) return;  // its cap stands
  tunnel_.ask_close(code);
  tunnel_reason_ = reason;
  if (!tunnel_.left_to_finish()) reason_ = reason;
  arm(Deadline::tunnel_cut, grace);
  if (!tunnel_due(Way::to_server) || !tunnel_due(Way::to_client) || !tunnel_settle()) return;
  // A source whose bytes are not carried any more need not wait for the other end.
  if (!tunnel_.carries(Way::to_server) && !tunnel_.source_ended(Way::to_server)) {
    down_->read_body(true);
  }
  if (!tunnel_.carries(Way::to_client) && up_) up_->resume_response();
}

// The cap. Who has been told that this is the end is not reset on top of it.
void Exchange::cut_tunnel() {
  tunnel_cut_ = true;
  reason_ = tunnel_reason_;
  const bool told = !tunnel_.carries(Way::to_client) && !client_blocked_;
  finish_tunnel(reason_ == Reason::tunnel_idle ? Outcome::completed : Outcome::forced,
                told ? Ending::close : Ending::abort);
}

// A tunnel that ended by itself, or that nobody used, has completed; a drain's are forced.
Outcome Exchange::tunnel_outcome() const {
  const bool ours = tunnel_.asked() && !tunnel_.left_to_finish();
  return ours && tunnel_reason_ != Reason::tunnel_idle ? Outcome::forced : Outcome::completed;
}

void Exchange::finish_tunnel(Outcome outcome, Ending ending) {
  stats::TunnelStats& stats = color_stats().tunnels;
  for (const Way way : {Way::to_client, Way::to_server}) {
    if (tunnel_.answered(way)) stats.closes_answered[side_of(way)].add();
  }
  if (tunnel_cut_) stats.cut.add();
  finish(outcome, ending);
}

std::string_view Exchange::tunnel_detail() const {
  if (!tunnel_.asked()) return tunnel_lost_ ? "frames that break the rules" : "";
  if (tunnel_.left_to_finish()) return tunnel_cut_ ? "closing, but not in time" : "";
  if (!tunnel_.websocket()) return tunnel_cut_ ? "half-closed, then cut" : "half-closed";
  const bool client = tunnel_.answered(Way::to_client), server = tunnel_.answered(Way::to_server);
  if (client && server) return "Close sent, answered by both";
  if (!tunnel_.close_sent(Way::to_client) && !tunnel_.close_sent(Way::to_server)) {
    return tunnel_lost_ ? "frames that break the rules" : "no frame ended in time";
  }
  if (client) return "Close sent, not answered by the server";
  return server ? "Close sent, not answered by the client" : "Close sent, answered by nobody";
}

}  // namespace switchback::exchange
