#include "tests/sim/exchange_world.hpp"

#include <algorithm>
#include <cstring>

#include "tests/sim/oracle.hpp"

namespace switchback::sim {

using exchange::AcquireStatus;
using exchange::BodyPiece;
using exchange::Flow;
using exchange::SendResult;
using http::Reason;

namespace {

std::string text_of(const BodyPiece& piece) {
  std::string out;
  for (std::size_t i = 0; i < piece.count; ++i) {
    out.append(static_cast<const char*>(piece.slices[i].iov_base), piece.slices[i].iov_len);
  }
  require(out.size() == piece.bytes, "a piece's bytes are not the sum of its slices");
  return out;
}

// Valid until the next one is made: what is kept is kept by copy or by reference to a buffer.
struct SimPiece {
  SimPiece(net::BufferPool& pool, std::string_view text, bool end) {
    owner = pool.take(net::BufferSize::small);
    std::memcpy(owner.data(), text.data(), text.size());
    slice = {owner.data(), text.size()};
    piece = {&slice, text.empty() ? 0U : 1U, text.size(), &owner, end, {}};
  }
  net::BufferRef owner;
  iovec slice;
  BodyPiece piece;
};

}  // namespace

SendResult ExchangeWorld::chance_of_block(bool& blocked) {
  require(!blocked, "something was sent to a side that is blocked");
  if (random_.chance(2)) return SendResult::failed;
  blocked = random_.chance(20);
  return blocked ? SendResult::blocked : SendResult::sent;
}

// ------------------------------------------------------------------------------- a server's side

SendResult SimServer::send_request(const http::RequestHead&, const http::RequestAdditions&,
                                   const BodyPiece& piece) {
  require(!asked, "a server was sent a second request");
  require(connected, "a request was sent before there was a connection");
  asked = true;
  return send_body(piece);
}

SendResult SimServer::send_body(const BodyPiece& piece) {
  require(user != nullptr, "a server that was let go was sent something");
  require(!whole, "something was sent behind a request's end");
  const SendResult result = world.chance_of_block(blocked);
  if (result == SendResult::failed) return result;
  received += text_of(piece);
  whole = piece.end;
  return result;
}

void SimServer::resume_response() {
  require(user != nullptr, "a server that was let go was resumed");
  paused = false;
}

void SimServer::release(bool reusable) {
  require(user != nullptr, "a server was let go twice");
  require(!reusable || (whole && status != 0 && given == answer.size()),
          "a connection was kept in the middle of something");
  user = nullptr;
}

// ------------------------------------------------------------------------------- a client's side

BodyPiece SimClient::pull_body() {
  return {};
}

SendResult SimClient::send_informational(const http::ResponseHead&) {
  require(exchange.active() && !own && source == nullptr, "a 1xx behind a final answer");
  return world.chance_of_block(blocked);
}

SendResult SimClient::send_response(const http::ResponseHead* response, const BodyPiece& piece) {
  require(!own && !ended, "an answer behind an answer");
  require((source == nullptr) == (response != nullptr), "a body without a head, or a second head");
  if (response != nullptr) {
    for (const auto& server : world.servers_) {
      if (server->status != 0 && server->user == &exchange) source = server.get();
    }
    require(source != nullptr, "a head from nobody");
  }
  const SendResult result = world.chance_of_block(blocked);
  if (result == SendResult::failed) return result;
  got += text_of(piece);
  ended = piece.end;
  return result;
}

SendResult SimClient::send_own_answer(const exchange::OwnAnswer& answer) {
  require(source == nullptr && !own, "an own answer behind another answer");
  require(answer.status >= 400, "an own answer that is no refusal");
  if (blocked) return SendResult::failed;  // a client that did not even take a 1xx
  own = true;
  return world.chance_of_block(blocked);
}

void SimClient::exchange_finished(exchange::Ending ending) {
  require(!exchange.active(), "an exchange that is over says it is not");
  if (ending == exchange::Ending::abort) {
    const bool prefix = source == nullptr || source->answer.compare(0, got.size(), got) == 0;
    require(prefix, "a cut answer is not the beginning of the server's");
    return;
  }
  require(own || ended, "an exchange was over without an answer");
  require(own || got == source->answer, "an answer is not the server's to the letter");
  require(ending != exchange::Ending::reusable || own || sent == body.size(),
          "a connection may go on in the middle of a body");
}

// ------------------------------------------------------------------------------------- the pools

exchange::Acquired SimPool::acquire(exchange::UpstreamUser& user,
                                    const exchange::AcquireWish& wish) {
  require(world.control_.load().color == color, "an attempt began on a color that is not active");
  const auto draw = world.random_.below(100);
  if (draw < 4) return {AcquireStatus::no_server, nullptr, nullptr};
  if (draw < 6) return {AcquireStatus::queue_full, nullptr, nullptr};
  if (draw < 14) {
    waiters.push_back(wish.waiter);
    return {AcquireStatus::queued, nullptr, nullptr};
  }
  world.servers_.push_back(std::make_unique<SimServer>(world, user));
  SimServer& server = *world.servers_.back();
  server.alive = world.random_.chance(80);
  server.kept = !wish.fresh && draw < 60;
  server.connected = server.kept || draw < 70;
  return {server.connected ? AcquireStatus::ready : AcquireStatus::connecting, &server, &server};
}

// ------------------------------------------------------------------------------------- the world

ExchangeWorld::ExchangeWorld(std::uint64_t seed) : random_(seed) {
  now_ns_ = reactor_.now_ns();
  service_.name = "shop";
  service_.retries.attempts = static_cast<unsigned>(random_.below(3));
  service_.limits.replay = random_.chance(50) ? 16 : 64 * 1024;
  service_.drain.timeout = config::Duration(200 + random_.below(4000));
  service_.drain.stream = config::Duration(200 + random_.below(4000));
  runtime_.config = &service_;
  runtime_.control = &control_;
  runtime_.stats = &stats_;
  runtime_.pools = {&blue_, &green_};
  runtime_.https = &https_;
  runtime_.retry_methods = exchange::method_mask(service_.retries.methods);
  runtime_.drain_changed = [] {};
  runtime_.door.set_limit(4);
  context_.matcher = std::make_unique<route::Matcher>(std::vector<config::Service>{service_});
  context_.services = {&runtime_};
  context_.stats = &worker_stats_;
  for (int i = 0; i < 5; ++i) clients_.push_back(std::make_unique<SimClient>(*this, context_));
}

ExchangeWorld::~ExchangeWorld() {
  for (const auto& client : clients_) {
    if (client->exchange.active()) client->exchange.on_downstream_gone(Reason::client_closed);
  }
}

void ExchangeWorld::run() {
  const std::uint64_t steps = 50 + random_.below(300);
  for (std::uint64_t i = 0; i < steps; ++i) step();
  finale();
}

void ExchangeWorld::step() {
  // Those whom an answer's source still points to stay until their client is through with it.
  std::erase_if(servers_, [this](const auto& server) {
    return server->user == nullptr && std::none_of(clients_.begin(), clients_.end(), [&](auto& c) {
             return c->exchange.active() && c->source == server.get();
           });
  });
  const auto draw = random_.below(100);
  if (draw < 45) {
    client_event(*clients_[random_.below(clients_.size())]);
  } else if (draw < 85) {
    if (SimServer* server = any_server()) server_event(*server);
  } else if (draw < 90) {
    flip();
  } else if (draw < 94) {
    pass_time();
  } else if (draw < 98) {
    take_turn();
  } else {
    door();
  }
}

SimServer* ExchangeWorld::any_server() {
  std::vector<SimServer*> used;
  for (const auto& server : servers_) {
    if (server->user != nullptr) used.push_back(server.get());
  }
  return used.empty() ? nullptr : used[random_.below(used.size())];
}

void ExchangeWorld::begin(SimClient& client) {
  static constexpr std::string_view methods[] = {"GET", "PUT", "POST"};
  ++totals_.requests;
  client.head = {};
  client.head.method_text = methods[random_.below(3)];
  client.head.method = http::method_of(client.head.method_text);
  client.head.target = "/";
  client.head.authority = "shop.example";
  client.body.assign(client.head.method == http::Method::get ? 0 : random_.below(40), 'a');
  for (char& c : client.body) c = static_cast<char>('a' + random_.below(26));
  client.sent = 0;
  client.reading = client.own = client.ended = client.blocked = false;
  client.got.clear();
  client.source = nullptr;
  if (client.head.method != http::Method::get) {
    client.head.body = http::BodyKind::length;
    client.head.content_length = client.body.size();
  }
  client.exchange.begin(client, client.head);
}

void ExchangeWorld::upload(SimClient& client) {
  const std::size_t size = 1 + random_.below(client.body.size() - client.sent);
  const std::string_view text = std::string_view(client.body).substr(client.sent, size);
  client.sent += size;
  SimPiece piece(reactor_.buffers(), text, client.sent == client.body.size());
  if (client.exchange.on_request_body(piece.piece) != Flow::proceed) client.reading = false;
}

void ExchangeWorld::client_event(SimClient& client) {
  if (!client.exchange.active()) {
    begin(client);
  } else if (random_.chance(3)) {
    client.exchange.on_downstream_gone(Reason::client_reset);
  } else if (random_.chance(1)) {
    client.blocked = false;
    client.exchange.on_shutdown_limit();
  } else if (client.blocked && random_.chance(60)) {
    client.blocked = false;
    client.exchange.on_downstream_writable();
  } else if (client.reading && client.sent < client.body.size()) {
    upload(client);
  }
}

void ExchangeWorld::server_event(SimServer& server) {
  if (!server.connected) {
    connect_event(server);
  } else if (server.blocked && random_.chance(50)) {
    server.blocked = false;
    server.user->on_upstream_writable();
  } else if (random_.chance(6)) {
    static constexpr Reason reasons[] = {Reason::server_reset, Reason::server_closed,
                                         Reason::bad_response};
    server.user->on_upstream_failed(reasons[random_.below(3)], 0);
  } else if (server.asked && !server.paused) {
    answer_event(server);
  }
}

void ExchangeWorld::connect_event(SimServer& server) {
  if (random_.chance(20)) {
    server.user->on_connect_failed(Reason::connect_refused, 0, "sim:80");
    return;
  }
  server.connected = true;
  server.user->on_connected(server);
}

void ExchangeWorld::answer_event(SimServer& server) {
  http::ResponseHead head;
  const bool first = server.status == 0;
  if (first && random_.chance(10)) {
    head.status = 103;
    server.paused = server.user->on_informational(head) == Flow::pause;
    return;
  }
  std::vector<http::Field> fields;
  if (first) {
    server.status = head.status = 200;
    server.answer.assign(random_.below(60), 'x');
    for (char& c : server.answer) c = static_cast<char>('A' + random_.below(26));
    if (random_.chance(20)) {  // the class changes
      static constexpr std::string_view name = "Content-Type", value = "text/event-stream";
      fields.push_back({name.data(), value.data(), value.size(), name.size(),
                        http::FieldId::content_type, false});
      head.present = http::bit_of(http::FieldId::content_type);
    }
    head.fields = fields;
    head.body = http::BodyKind::chunked;
  }
  const std::size_t size = random_.below(server.answer.size() - server.given + 1);
  const std::string_view text = std::string_view(server.answer).substr(server.given, size);
  server.given += size;
  SimPiece piece(reactor_.buffers(), text, server.given == server.answer.size());
  const Flow flow = server.user->on_response(first ? &head : nullptr, piece.piece);
  if (flow == Flow::pause) server.paused = true;
  require(flow != Flow::over || server.user == nullptr, "over, but the server was not let go");
}

void ExchangeWorld::flip() {
  if (on_its_way_) return pass_barrier();
  ++totals_.flips;
  const route::ActiveWord word = control_.load();
  const Color to = other(word.color);
  on_its_way_ = std::make_shared<drain::SwitchRecord>("shop", word.color, to, word.epoch + 1, 1U);
  control_.store({to, word.paused, word.epoch + 1});
  if (random_.chance(50)) pass_barrier();
}

void ExchangeWorld::pass_barrier() {
  records_.push_back(on_its_way_);
  runtime_.gate.begin(std::exchange(on_its_way_, nullptr), service_.drain, now_ns_);
  // As the worker does it: those who wait for a connection are called, to choose anew.
  for (SimPool* pool : {&blue_, &green_}) {
    const auto called = std::exchange(pool->waiters, {});
    for (exchange::QueueWaiter* waiter : called) {
      pool->waiters.push_back(waiter);
      std::erase(pool->waiters, waiter);
      waiter->on_turn();
    }
  }
}

void ExchangeWorld::pass_time() {
  now_ns_ += static_cast<Nanos>(random_.below(random_.chance(10) ? 3'000'000'000 : 50'000'000));
  reactor_.run_turn_at(now_ns_);
  runtime_.gate.enforce(now_ns_);
}

void ExchangeWorld::take_turn() {
  SimPool& pool = random_.chance(50) ? blue_ : green_;
  if (pool.waiters.empty()) return;
  exchange::QueueWaiter* waiter = pool.waiters.front();
  pool.waiters.pop_front();
  waiter->on_turn();
}

void ExchangeWorld::door() {
  route::ActiveWord word = control_.load();
  word.paused = !word.paused;
  control_.store(word);
  if (!word.paused) {
    while (runtime_.door.open_some()) {
    }
  }
}

// Everybody leaves; then nothing may be left.
void ExchangeWorld::finale() {
  if (on_its_way_) pass_barrier();
  for (const auto& client : clients_) {
    if (client->exchange.active()) client->exchange.on_downstream_gone(Reason::client_closed);
  }
  require(runtime_.exchanges == 0, "an exchange is left over");
  require(runtime_.door.empty() && stats_.waiting.read() == 0, "somebody is left at the door");
  for (const auto& server : servers_) require(server->user == nullptr, "a server was not let go");
  for (const Color color : {Color::blue, Color::green}) {
    const auto& side = stats_.color[index_of(color)];
    require(side.queue_waiting.read() == 0, "somebody is left in a queue");
    totals_.retried += side.retries.read();
  }
  settle_records();
}

void ExchangeWorld::settle_records() {
  for (const auto& record : records_) {
    require(record->drained(), "a drain is not over though nobody is left");
    for (const drain::ClassCounts& counts : record->counts()) {
      std::uint64_t sum = 0;
      for (const std::uint64_t n : counts.ended) sum += n;
      require(counts.accepted == sum, "a receipt does not add up");
      totals_.moved += counts.ended[static_cast<std::size_t>(drain::Outcome::moved)];
      totals_.forced += counts.ended[static_cast<std::size_t>(drain::Outcome::forced)];
      totals_.completed += counts.ended[static_cast<std::size_t>(drain::Outcome::completed)];
    }
  }
}

}  // namespace switchback::sim
