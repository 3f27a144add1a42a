// A measured run: connections, the schedule of requests, and what came of them.
//
// With a rate, requests are due at fixed moments whatever the server does, and an answer's latency
// counts from the moment its request was due: a stall makes all requests behind it late, as real
// clients would see it (no coordinated omission). Without a rate, each connection asks again as
// soon as it was answered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connection.hpp"

namespace load {

struct Options {
  int port = 0;
  std::string path = "/0";
  std::string method = "GET";
  std::size_t body_bytes = 0;
  unsigned connections = 64;
  double rate = 0;  // requests per second; 0: as many as go
  double seconds = 1;
  bool tls = false;
  bool close = false;   // a new connection for every request
  bool resume = false;  // new TLS connections resume the session got last
};

struct Seen {
  std::uint64_t good = 0;
  std::uint64_t bad_status = 0;
  std::uint64_t failed = 0;  // connections refused, reset or closed early while a request was due
  std::uint64_t unanswered = 0;  // begun, without an answer within the grace time
  std::uint64_t unsent = 0;      // due, but no connection was free until the grace time ended
  std::uint64_t reconnects = 0;  // kept-alive connections that the server closed between requests
  std::uint64_t resumed = 0;     // of all answers of the run, those on resumed TLS sessions
  std::uint64_t standing = 0;    // connections open at the end
  double seconds = 0;
  std::string tls;
  std::vector<std::int64_t> latencies_ns;  // of good answers
};

class Run {
 public:
  explicit Run(const Options& options);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Opens the connections that are kept (each makes one request) or gets a session to resume.
  // How many stand; fewer than asked for means that the server or the file limit said no.
  unsigned warm_up();
  void measure();
  // Lets go on what is open, until `idle` says so, and counts what still stands.
  void count_standing();
  const Seen& seen() const { return seen_; }

 private:
  std::int64_t due_ns(std::uint64_t index) const;
  void wait(std::int64_t until_ns);
  void start_due();
  void begin(Connection& connection, std::int64_t due_ns, bool counted);
  void advance(Connection& connection);
  void on_answer(Connection& connection);
  void on_failure(Connection& connection);
  void put_back(Connection& connection);

  Options options_;
  Target target_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  bool warming_ = false;
  std::uint64_t under_way_ = 0;  // counted requests that wait for an answer
  std::uint64_t next_ = 0;       // index of the next request of the schedule
  std::int64_t start_ns_ = 0;
  std::int64_t end_ns_ = 0;
  Seen seen_;
};

std::int64_t now_ns();

}  // namespace load
