// One service on one worker with real exchanges in it: clients that send, block and leave, servers
// that accept, refuse, answer, stall and break, queues, a door, flips with their barrier some steps
// behind the word, and time. What happens next is chance; what must hold is asked all along:
// no attempt begins on a color that is not active, a server that was let go is left alone, bodies
// arrive to the letter or visibly cut, and every receipt adds up.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/exchange/exchange.hpp"
#include "tests/sim/random.hpp"

namespace switchback::sim {

class ExchangeWorld;

// A server's side of one attempt.
struct SimServer final : exchange::Upstream {
  SimServer(ExchangeWorld& of, exchange::UpstreamUser& whose) : world(of), user(&whose) {}

  exchange::SendResult send_request(const http::RequestHead& head,
                                    const http::RequestAdditions& additions,
                                    const exchange::BodyPiece& piece) override;
  exchange::SendResult send_body(const exchange::BodyPiece& piece) override;
  void resume_response() override;
  void begin_tunnel() override {}
  void release(bool reusable) override;
  bool reused() const override { return kept; }
  void timed_out(http::Reason) override {}
  void make_private(exchange::Reservations*) override {}
  bool verify_idle() override { return alive; }
  std::string_view server() const override { return "sim:80"; }

  ExchangeWorld& world;
  exchange::UpstreamUser* user;  // null: let go
  bool kept = false, alive = true, connected = false;
  bool asked = false, whole = false;  // the request's head, its end
  bool blocked = false, paused = false;
  std::string received;
  unsigned status = 0;  // 0: no head sent yet
  std::string answer;
  std::size_t given = 0;
};

// A client's side, one request after the other.
struct SimClient final : exchange::Downstream {
  SimClient(ExchangeWorld& of, exchange::WorkerContext& context) : world(of), exchange(context) {}

  exchange::BodyPiece pull_body() override;
  void read_body(bool wanted) override { reading = wanted; }
  exchange::SendResult send_informational(const http::ResponseHead& head) override;
  exchange::SendResult send_response(const http::ResponseHead* head,
                                     const exchange::BodyPiece& piece) override;
  exchange::SendResult send_own_answer(const exchange::OwnAnswer& answer) override;
  void begin_tunnel() override {}
  void exchange_finished(exchange::Ending ending) override;
  std::string_view client_ip() const override { return "192.0.2.1"; }
  const std::uint8_t* client_ip16() const override { return ip16; }
  std::string_view scheme() const override { return "http"; }

  ExchangeWorld& world;
  exchange::Exchange exchange;
  http::RequestHead head;
  std::string body;  // of the request
  std::size_t sent = 0;
  bool reading = false, blocked = false, own = false, ended = false;
  std::string got;              // of the answer
  SimServer* source = nullptr;  // whose answer it gets
  std::uint8_t ip16[16] = {};
};

struct SimPool final : exchange::UpstreamPool {
  SimPool(ExchangeWorld& of, Color of_color) : world(of), color(of_color) {}
  exchange::Acquired acquire(exchange::UpstreamUser& user,
                             const exchange::AcquireWish& wish) override;
  void leave_queue(exchange::QueueWaiter& waiter) override { std::erase(waiters, &waiter); }

  ExchangeWorld& world;
  Color color;
  std::deque<exchange::QueueWaiter*> waiters;
};

class ExchangeWorld {
 public:
  explicit ExchangeWorld(std::uint64_t seed);
  ~ExchangeWorld();
  void run();  // throws Violation

  struct Totals {
    std::uint64_t requests = 0, flips = 0, moved = 0, forced = 0, completed = 0, retried = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  friend SimServer;
  friend SimClient;
  friend SimPool;

  void step();
  void client_event(SimClient& client);
  void begin(SimClient& client);
  void upload(SimClient& client);
  void server_event(SimServer& server);
  void connect_event(SimServer& server);
  void answer_event(SimServer& server);
  void flip();
  void pass_barrier();
  void pass_time();
  void take_turn();
  void door();
  void finale();
  void settle_records();
  exchange::SendResult chance_of_block(bool& blocked);
  SimServer* any_server();

  Random random_;
  Nanos now_ns_ = 0;
  net::Reactor reactor_;
  config::Service service_;
  exchange::HttpsRules https_;
  route::ServiceControl control_{route::ActiveWord{Color::blue, false, 1}};
  stats::ServiceStats stats_;
  stats::WorkerStats worker_stats_;
  SimPool blue_{*this, Color::blue}, green_{*this, Color::green};
  exchange::ServiceRuntime runtime_{0, [](const std::shared_ptr<drain::SwitchRecord>&) {}};
  exchange::WorkerContext context_{reactor_};
  std::vector<std::unique_ptr<SimServer>> servers_;  // in use, or let go in this step
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<std::shared_ptr<drain::SwitchRecord>> records_;
  std::shared_ptr<drain::SwitchRecord> on_its_way_;  // stored, barrier not passed yet
  Totals totals_;
};

}  // namespace switchback::sim
