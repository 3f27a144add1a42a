// An exchange with nothing real around it: a client, servers and pools made of notes, a clock that
// a test moves. What the exchange asks of them is written down in words, in order.
//
// Notes of the client: "head 200", "body abc", "end", "own 503 no_server", "1xx 103", "raw", and
// last "finished reusable". Notes of a server: "request GET /", "body abc", "end", "release kept".
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/exchange/exchange.hpp"
#include "tests/support/catch.hpp"

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
  bool admit_request() override { return admitted; }
  std::uint64_t taken_bytes() const override { return taken; }

  net::BufferPool& pool;
  Notes notes;
  SendResult next = SendResult::sent;
  const BodyPiece* arrived = nullptr;  // what pull_body finds
  std::uint64_t taken = 0;
  bool reading = false;
  bool admitted = true;
  std::uint8_t ip16[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
};

struct Server final : Upstream {
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
    notes.push_back(reusable ? "release kept" : "release closed");
  }
  bool reused() const override { return kept; }
  void timed_out(Reason reason) override { notes.push_back("timed out " + name_of(reason)); }
  bool verify_idle() override { return alive; }
  std::string_view server() const override { return name; }
  const char* cause() const override { return why; }

  static std::string name_of(Reason reason) { return std::string(http::name_of(reason)); }

  Notes& notes;
  UpstreamUser* user;
  std::string name;
  SendResult next = SendResult::sent;
  const char* why = nullptr;
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

// One service on one worker.
class Stage {
 public:
  explicit Stage(config::Service service = default_service());
  ~Stage() { CHECK(runtime.exchanges == 0); }

  static config::Service default_service();

  // The request's head, without begin(); `body`: none, chunked or a length.
  void ask(std::string method, std::string target, const Fields& fields = {},
           http::BodyKind body = http::BodyKind::none, std::uint64_t length = 0);
  void begin() { exchange.begin(client, request); }
  void get(std::string target = "/") {
    ask("GET", std::move(target));
    begin();
  }
  void post(std::uint64_t length) {
    ask("POST", "/", {}, http::BodyKind::length, length);
    begin();
  }
  Flow upload(std::string_view text, bool end) {
    return exchange.on_request_body(Piece(reactor.buffers(), text, end));
  }

  Servers& pool(Color color = Color::blue) { return color == Color::blue ? blue : green; }
  Server& server(Color color = Color::blue) { return pool(color).last(); }
  // From the server to the exchange; `fields` of the head.
  Flow respond(unsigned status, std::string_view text, bool end, const Fields& fields = {},
               Color color = Color::blue);
  Flow more(std::string_view text, bool end, Color color = Color::blue) {
    return server(color).user->on_response(nullptr, Piece(reactor.buffers(), text, end));
  }
  void fail(Reason reason, Color color = Color::blue) {
    server(color).user->on_upstream_failed(reason, 0);
  }
  void connected(Color color = Color::blue) { server(color).user->on_connected(server(color)); }

  void advance(config::Duration by) {
    now_ns += to_nanos(by);
    reactor.run_turn_at(now_ns);
    runtime.gate.enforce(now_ns);
  }
  // As the controller and the worker do it: the word, then the barrier.
  std::shared_ptr<drain::SwitchRecord> flip_to(Color color) {
    store(color);
    return barrier();
  }
  void store(Color color);
  std::shared_ptr<drain::SwitchRecord> barrier();
  static std::uint64_t count(const drain::SwitchRecord& record, drain::Outcome outcome);
  std::uint64_t reasons(Reason reason) const {
    return worker_stats.reasons[static_cast<std::size_t>(reason)].read();
  }

  net::Reactor reactor;
  Nanos now_ns = 0;
  config::Service service;
  HttpsRules https;
  route::ServiceControl control{route::ActiveWord{Color::blue, false, 1}};
  stats::ServiceStats stats;
  stats::WorkerStats worker_stats;
  Servers blue{"blue"}, green{"green"};
  ServiceRuntime runtime{0, [](const std::shared_ptr<drain::SwitchRecord>&) {}};
  WorkerContext context{reactor};
  Client client{reactor.buffers()};
  Exchange exchange{context};
  http::RequestHead request;
  std::shared_ptr<drain::SwitchRecord> pending;

 private:
  std::string method_, target_;
  Fields request_fields_, response_fields_;
  std::vector<http::Field> request_table_, response_table_;
};

inline config::Service Stage::default_service() {
  config::Service service;
  service.name = "shop";
  return service;
}

inline Stage::Stage(config::Service made_of) : service(std::move(made_of)) {
  now_ns = reactor.now_ns();
  runtime.config = &service;
  runtime.control = &control;
  runtime.stats = &stats;
  runtime.pools = {&blue, &green};
  runtime.https = &https;
  runtime.retry_methods = method_mask(service.retries.methods);
  runtime.drain_changed = [] {};
  runtime.door.set_limit(service.limits.queue);
  context.matcher = std::make_unique<route::Matcher>(std::vector<config::Service>{service});
  context.services = {&runtime};
  context.stats = &worker_stats;
}

inline void Stage::ask(std::string method, std::string target, const Fields& fields,
                       http::BodyKind body, std::uint64_t length) {
  method_ = std::move(method);
  target_ = std::move(target);
  request_fields_ = fields;
  request_table_.clear();
  request = {};
  request.method = http::method_of(method_);
  request.method_text = method_;
  request.target = target_;
  request.authority = "shop.example";
  request.body = body;
  request.content_length = length;
  set_fields(request_table_, request.fields, request.present, request_fields_);
  if (const http::Field* upgrade = request.find(FieldId::upgrade)) {
    request.upgrade = true;
    request.upgrade_protocol = upgrade->value();
  }
}

inline Flow Stage::respond(unsigned status, std::string_view text, bool end, const Fields& fields,
                           Color color) {
  http::ResponseHead head;
  head.status = status;
  head.body = end && text.empty() ? http::BodyKind::none : http::BodyKind::chunked;
  response_fields_ = fields;
  response_table_.clear();
  set_fields(response_table_, head.fields, head.present, response_fields_);
  head.upgrade = status == 101;
  UpstreamUser* user = server(color).user;
  if (status < 200 && status != 101) return user->on_informational(head);
  return user->on_response(&head, Piece(reactor.buffers(), text, end));
}

inline void Stage::store(Color color) {
  const route::ActiveWord word = control.load();
  pending = std::make_shared<drain::SwitchRecord>("shop", word.color, color, word.epoch + 1, 1);
  control.store({color, word.paused, word.epoch + 1});
}

inline std::shared_ptr<drain::SwitchRecord> Stage::barrier() {
  runtime.gate.begin(pending, service.drain, now_ns);
  return std::exchange(pending, nullptr);
}

inline std::uint64_t Stage::count(const drain::SwitchRecord& record, drain::Outcome outcome) {
  std::uint64_t sum = 0;
  for (const drain::ClassCounts& counts : record.counts()) {
    sum += counts.ended[static_cast<std::size_t>(outcome)];
  }
  return sum;
}

}  // namespace switchback::exchange::stage
