#include "proxy/tunnel/tunnel.hpp"

namespace switchback::tunnel {

void Tunnel::begin(bool websocket, bool extensions) {
  *this = Tunnel();
  websocket_ = websocket;
  at(Way::to_server).tracker.start(Sender::client, extensions);
  at(Way::to_client).tracker.start(Sender::server, extensions);
}

bool Tunnel::lost() const {
  return websocket_ && (ways_[0].tracker.lost() || ways_[1].tracker.lost());
}

bool Tunnel::carries(Way way) const {
  return !at(way).sent && !at(way).ended;
}

Step Tunnel::on_bytes(Way way, const char* data, std::size_t size) {
  State& state = at(way);
  Step step;
  if (!closing_) {
    if (websocket_) state.tracker.follow(data, size);
    if (!state.ended) step.pass = size;
    return step;
  }
  if (!websocket_) return step;  // its end has been made already, or comes with due()
  if (carries(way)) {
    const bool boundary = state.tracker.at_boundary();
    step.pass = boundary ? 0 : state.tracker.follow_frame(data, size);
    const Step then = due(way);
    step.close = then.close;
    step.end = then.end;
    data += step.pass;
    size -= step.pass;
    if (!step.close) return step;
  }
  state.tracker.follow(data, size);
  return step;
}

Step Tunnel::on_end(Way way) {
  State& state = at(way);
  state.source_ended = true;
  Step step;
  // Behind a Close of ours the end comes with the answer, or not at all.
  step.end = carries(way);
  state.ended = state.ended || step.end;
  return step;
}

void Tunnel::ask_close(CloseCode code) {
  if (asked_) return;
  asked_ = true;
  code_ = code;
  closing_ = !websocket_ || !(ways_[0].tracker.close_begun() || ways_[1].tracker.close_begun());
}

Step Tunnel::due(Way way) {
  State& state = at(way);
  Step step;
  if (!closing_ || state.ended) return step;
  if (!websocket_ || (state.tracker.lost() && !state.sent)) {
    step.end = state.ended = true;
    return step;
  }
  if (!state.sent && state.tracker.at_boundary()) step.close = state.sent = true;
  if (way == Way::to_client && state.sent && at(Way::to_server).tracker.closed()) {
    step.end = state.ended = true;
  }
  return step;
}

// `towards`: the way that leads to that end.
bool Tunnel::side_done(Way towards) const {
  const State& to = at(towards);
  const State& from = at(other(towards));
  return (to.sent || to.ended) && (from.source_ended || (from.tracker.closed() && to.sent));
}

bool Tunnel::finished() const {
  if (at(Way::to_server).source_ended && at(Way::to_client).source_ended) {
    return !carries(Way::to_server) && !carries(Way::to_client);
  }
  return closing_ && side_done(Way::to_server) && side_done(Way::to_client);
}

}  // namespace switchback::tunnel
