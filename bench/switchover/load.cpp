#include "bench/switchover/load.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "bench/switchover/client_connection.hpp"

namespace switchback::bench {
namespace {

constexpr Nanos second = 1'000'000'000;
constexpr Nanos longest_nap = 20'000'000;
constexpr Nanos shortest_nap = 50'000;
constexpr Nanos look_for_timeouts_every = 100'000'000;

std::string lane_request(const LaneOptions& lane, const Fields& fields) {
  return lane.protocol == Protocol::websocket
             ? websocket_request_text(lane.target, fields)
             : request_text(lane.target, fields, lane.protocol == Protocol::fresh);
}

}  // namespace

const char* to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::keep_alive:
      return "keep-alive";
    case Protocol::fresh:
      return "new connection";
    case Protocol::websocket:
      return "WebSocket";
  }
  return "";
}

std::string name_of(const LaneOptions& lane) {
  return std::string(lane.target.tls ? "https " : "http ") + to_string(lane.protocol);
}

// ---------------------------------------------------------------- the engine

struct Load::Engine {
  // A connection as epoll knows it: descriptors are numbers that come again, so what is registered
  // is remembered here.
  struct Seat {
    explicit Seat(const LaneContext& context, std::size_t number)
        : connection(context), lane(number) {}
    ClientConnection connection;
    std::size_t lane;
    int registered = -1;
    std::uint32_t events = 0;
  };
  struct Lane {
    LaneContext context;
    Nanos period;
    Nanos next = 0;  // when the next request is meant to begin
    std::vector<Seat*> free;
  };

  Engine(LoadOptions given, const ColorReader& colors, FlipLog& flip_log)
      : options(std::move(given)), tls(options.verify_tls), log(flip_log) {
    for (std::size_t i = 0; i < options.lanes.size(); ++i) {
      const auto& lane = options.lanes[i];
      lanes.push_back(std::make_unique<Lane>(
          Lane{{lane, i, tls, colors, log, lane_request(lane, options.fields)},
               static_cast<Nanos>(static_cast<double>(second) / std::max(lane.rate, 0.01)),
               0,
               {}}));
      for (unsigned n = 0; n < lane.connections; ++n) {
        seats.push_back(std::make_unique<Seat>(lanes.back()->context, i));
        lanes.back()->free.push_back(seats.back().get());
      }
    }
  }

  ~Engine() {
    if (epoll >= 0) ::close(epoll);
  }

  // Lanes begin at different times, so that requests of all of them are spread.
  void begin(Nanos now) {
    Nanos shift = 0;
    for (auto& lane : lanes) {
      lane->next = now + shift;
      shift += lane->period / static_cast<Nanos>(lanes.size());
    }
  }

  // Sends what is due; when the next is.
  Nanos send_due(Nanos now) {
    Nanos soonest = now + longest_nap;
    for (auto& lane : lanes) {
      while (lane->next <= now && !lane->free.empty()) {
        auto* seat = lane->free.back();
        lane->free.pop_back();
        const Nanos meant = lane->next;
        lane->next += lane->period;
        seat->connection.ask(meant);
        settle(*seat);
      }
      if (const Nanos behind = now - lane->next; behind > second) {
        const auto missed = behind / lane->period;
        log.late(lane->context.index, static_cast<std::uint64_t>(missed));
        lane->next += missed * lane->period;
      }
      if (lane->next > now) soonest = std::min(soonest, lane->next);
    }
    return soonest;
  }

  // After anything a connection did: what epoll shall tell, and whether it is free again.
  void settle(Seat& seat) {
    const int fd = seat.connection.descriptor();
    if (fd < 0) {
      seat.registered = -1;  // closing it took it out of epoll
    } else {
      const std::uint32_t events = EPOLLIN | (seat.connection.wants_write() ? EPOLLOUT : 0u);
      epoll_event event{};
      event.events = events;
      event.data.ptr = &seat;
      if (seat.registered != fd) {
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
      } else if (seat.events != events) {
        ::epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
      }
      seat.registered = fd;
      seat.events = events;
    }
    if (seat.connection.free()) lanes[seat.lane]->free.push_back(&seat);
  }

  void handle(Seat& seat) {
    const bool was_free = seat.connection.free();
    seat.connection.on_event();
    if (was_free) {
      // It stays in the list of free ones, only without its connection.
      if (seat.connection.descriptor() < 0) seat.registered = -1;
      return;
    }
    settle(seat);
  }

  void look_for_timeouts(Nanos now) {
    if (now < next_look) return;
    next_look = now + look_for_timeouts_every;
    for (auto& seat : seats) {
      if (seat->connection.free() || now - seat->connection.since() < options.timeout) continue;
      seat->connection.on_timeout();
      settle(*seat);
    }
  }

  void wait(Nanos now, Nanos until) {
    const Nanos nap = std::clamp(until - now, shortest_nap, longest_nap);
    std::array<epoll_event, 256> events;
    const timespec limit{0, static_cast<long>(nap)};
    int ready = ::epoll_pwait2(epoll, events.data(), events.size(), &limit, nullptr);
    if (ready < 0 && errno == ENOSYS) {  // kernels before 5.11: in whole milliseconds
      ready = ::epoll_wait(epoll, events.data(), events.size(), static_cast<int>(nap / 1'000'000));
    }
    for (int i = 0; i < ready; ++i) {
      handle(*static_cast<Seat*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }

  LoadOptions options;
  TlsContext tls;
  FlipLog& log;
  int epoll = -1;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<std::unique_ptr<Seat>> seats;
  Nanos next_look = 0;
};

Load::Load(LoadOptions options, const ColorReader& colors, FlipLog& log)
    : engine_(std::make_unique<Engine>(std::move(options), colors, log)), log_(log) {}

Load::~Load() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string Load::start() {
  engine_->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (engine_->epoll < 0) return std::string("epoll: ") + std::strerror(errno);
  thread_ = std::thread([this] {
    engine_->begin(monotonic_ns());
    while (!stopping_) {
      const Nanos now = monotonic_ns();
      Nanos next = now + longest_nap;
      if (!ending_) {
        next = engine_->send_due(now);
      } else {
        ending_seen_ = true;
      }
      engine_->look_for_timeouts(now);
      engine_->wait(now, next);
    }
  });
  return "";
}

}  // namespace switchback::bench
