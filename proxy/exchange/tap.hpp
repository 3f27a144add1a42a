// Who listens in on an exchange: it sees the request and the answer as they pass, and changes
// neither. Only requests that a TapSource has chosen have one; mirroring (proxy/mirror) is it.
//
// Calls: on_request_body while the body comes, on_answer for the final head and the body, and
// on_exchange_end last; none after the tap has let go. A tap never calls its exchange.
// Threads: one worker. Ownership: the source owns its taps; `place` is the exchange's pointer to
// it, which let_go() clears, so either side may end the relation at any time.
#pragma once

#include "proxy/base/color.hpp"
#include "proxy/exchange/ports.hpp"

namespace switchback::exchange {

// A request whose color was just claimed. The views live during the call only.
struct TapSubject {
  const http::RequestHead& head;
  const http::RequestAdditions& additions;  // as they go to the server
  Color color = Color::blue;
  std::uint64_t epoch = 0;
  bool whole = false;    // no body follows
  bool preview = false;  // it reaches the standby on purpose
  bool waited = false;   // at a paused door
  const Downstream* client = nullptr;
  const http::ClientAddress* named = nullptr;  // as in AcquireWish
};

enum class TapEnd : std::uint8_t {
  failed,       // no answer of a server, or not all of it
  client_gone,  // nobody was left to take it
  moved,        // tried again on the other color
};

class Tap {
 public:
  // Every byte once; `end` with the last piece, be it empty.
  virtual void on_request_body(const BodyPiece& piece) = 0;
  // As UpstreamUser::on_response, after the piece was given to the client.
  virtual void on_answer(const http::ResponseHead* head, const BodyPiece& piece) = 0;
  virtual void on_exchange_end(TapEnd end) = 0;

  void hold(Tap*& place) { place_ = &place; }
  void let_go() {
    if (place_) *place_ = nullptr;
    place_ = nullptr;
  }

 protected:
  ~Tap() = default;

 private:
  Tap** place_ = nullptr;
};

class TapSource {
 public:
  virtual bool draw() = 0;                            // whether this request is one of the sample
  virtual Tap* begin(const TapSubject& subject) = 0;  // nullptr: not this one

 protected:
  ~TapSource() = default;
};

}  // namespace switchback::exchange
