// What an exchange sees of the world, made of notes: a client, servers, pools. What it asks of them
// is written down in words, in order.
//
// Notes of the client: "head 200", "body abc", "end", "own 503 no_server", "1xx 103", "raw", and
// last "finished reusable". Notes of a server: "request GET /", "body abc", "end", "release kept".
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange::stage {

using Notes = std::vector<std::string>;
using http::FieldId;
using http::Reason;
using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string text_of(const BodyPiece& piece) {
  std::string out;
  for (std::size_t i = 0; i < piece.count; ++i) {
    out.append(static_cast<const char*>(piece.slices[i].iov_base), piece.slices[i].iov_len);
  }
  return out;
}

// A piece of a body, with the memory that it lies in.
class Piece {
 public:
  Piece(net::BufferPool& pool, std::string_view text, bool end) {
    owner_ = pool.take(net::BufferSize::small);
    std::memcpy(owner_.data(), text.data(), text.size());
    slice_ = {owner_.data(), text.size()};
    piece_ = {.slices = &slice_,
              .count = text.empty() ? 0U : 1U,
              .bytes = text.size(),
              .owner = &owner_,
              .end = end};
  }
  Piece(const Piece&) = delete;
  operator const BodyPiece&() const { return piece_; }

 private:
  net::BufferRef owner_;
  iovec slice_;
  BodyPiece piece_;
};

inline void set_fields(std::vector<http::Field>& out, std::span<http::Field>& span,
                       std::uint64_t& present, const Fields& fields) {
  for (const auto& [name, value] : fields) {
    const FieldId id = http::field_id(name.data(), name.size());
    out.push_back({name.data(), value.data(), static_cast<std::uint32_t>(value.size()),
                   static_cast<std::uint16_t>(name.size()), id, false});
    present |= http::bit_of(id);
  }
  span = out;
}

struct Client final : Downstream {
  explicit Client(net::BufferPool& buffers) : pool(buffers) {}

  BodyPiece pull_body() override {
    if (!arrived) return {};
    return *std::exchange(arrived, nullptr);
  }
  void read_body(bool wanted) override { reading = wanted; }
  SendResult send_informational(const http::ResponseHead& head) override {
    notes.push_back("1xx " + std::to_string(head.status));
    return next;
  }
  SendResult send_response(const http::ResponseHead* head, const BodyPiece& piece) override {
    if (head) notes.push_back("head " + std::to_string(head->status));
    if (piece.bytes > 0) notes.push_back("body " + text_of(piece));
    if (piece.end) notes.push_back("end");
    return next;
  }
  SendResult send_own_answer(const OwnAnswer& answer) override {
    notes.push_back("own " + std::to_string(answer.status) + (answer.close ? " close" : ""));
    return next;
  }
  void begin_tunnel() override { notes.push_back("raw"); }
  void exchange_finished(Ending ending) override {
    static constexpr const char* names[] = {"reusable", "close", "abort"};
    notes.push_back(std::string("finished ") + names[static_cast<int>(ending)]);
  }
  std::string_view client_ip() const override { return "192.0.2.1"; }
  const std::uint8_t* client_ip16() const override { return ip16; }
  std::string_view scheme() const override { return "http"; }
  bool admit_request(const http::ClientAddress*) override { return admitted; }
  std::uint64_t taken_bytes() const override { return taken; }
  Reservations* reservations() override { return &held; }

  net::BufferPool& pool;
  Notes notes;
  Reservations held;
  SendResult next = SendResult::sent;
  const BodyPiece* arrived = nullptr;  // what pull_body finds
  std::uint64_t taken = 0;
  bool reading = false;
  bool admitted = true;
  std::uint8_t ip16[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
};

struct Server final : Upstream, ReservedUpstream {
  Server(Notes& all, UpstreamUser& whose, std::string address)
      : notes(all), user(&whose), name(std::move(address)) {}

  SendResult send_request(const http::RequestHead& head, const http::RequestAdditions&,
                          const BodyPiece& piece) override {
    notes.push_back("request " + std::string(head.method_text) + " " + std::string(head.target));
    return send_body(piece);
  }
  SendResult send_body(const BodyPiece& piece) override {
    if (piece.bytes > 0) notes.push_back("body " + text_of(piece));
    if (piece.end) notes.push_back("end");
    return next;
  }
  void resume_response() override { notes.push_back("resume"); }
  void begin_tunnel() override { notes.push_back("raw"); }
  void release(bool reusable) override {
    user = nullptr;
    if (reusable && place) {
      notes.push_back("release reserved");
      place->hold(*this);
      return;
    }
    notes.push_back(reusable ? "release kept" : "release closed");
  }
  bool reused() const override { return kept; }
  void timed_out(Reason reason) override { notes.push_back("timed out " + name_of(reason)); }
  void make_private(Reservations* holder) override {
    notes.push_back("private");
    place = holder;
  }
  Upstream* lend_reserved(UpstreamUser& whose) override {
    notes.push_back("lent again");
    user = &whose;
    kept = true;
    return this;
  }
  void end_reserved() override { notes.push_back("ended"); }
  bool verify_idle() override { return alive; }
  std::string_view server() const override { return name; }
  const char* cause() const override { return why; }

  static std::string name_of(Reason reason) { return std::string(http::name_of(reason)); }

  Notes& notes;
  UpstreamUser* user;
  std::string name;
  SendResult next = SendResult::sent;
  const char* why = nullptr;
  Reservations* place = nullptr;
  bool kept = false, alive = true;
};

// Lends what the test has laid out, in order; a ready connection to "SIDE:80" when nothing is.
struct Servers final : UpstreamPool {
  struct Lot {
    AcquireStatus status = AcquireStatus::ready;
    bool kept = false;
    SendResult takes = SendResult::sent;
    bool alive = true;
  };
  explicit Servers(std::string side_name) : side(std::move(side_name)) {}

  Acquired acquire(UpstreamUser& user, const AcquireWish& wish) override {
    Lot lot;
    if (!lots.empty()) {
      lot = lots.front();
      lots.pop_front();
    }
    notes.push_back(wish.fresh ? "asks for a fresh one" : "asks");
    waiter = lot.status == AcquireStatus::queued ? wish.waiter : nullptr;
    if (lot.status != AcquireStatus::ready && lot.status != AcquireStatus::connecting) {
      return {lot.status, nullptr, nullptr};
    }
    lent.push_back(std::make_unique<Server>(notes, user, side + ":80"));
    Server& server = *lent.back();
    server.kept = lot.kept;
    server.alive = lot.alive;
    server.next = lot.takes;
    return {lot.status, &server, &server};
  }
  void leave_queue(QueueWaiter&) override {
    waiter = nullptr;
    notes.push_back("leaves the queue");
  }
  Server& last() { return *lent.back(); }

  std::string side;
  Notes notes;
  std::deque<Lot> lots;
  std::vector<std::unique_ptr<Server>> lent;
  QueueWaiter* waiter = nullptr;
};

}  // namespace switchback::exchange::stage
