// An exchange with nothing real around it: one service on one worker, fakes on both sides, and a
// clock that the test moves.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/proxy/exchange/fakes.hpp"

namespace switchback::exchange::stage {

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
