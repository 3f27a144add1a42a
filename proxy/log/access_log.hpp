// Access records off the hot path: each worker writes compact records into a ring of its own; one
// thread formats and writes them. A full ring drops the record and counts it; it never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"
#include "proxy/http/reject.hpp"

namespace switchback::log {

// Views need live only during AccessRing::push.
struct AccessRecord {
  std::int64_t wall_us = 0;  // when the head was complete
  Nanos wait_ns = 0;         // at the door or in a queue
  Nanos connect_ns = 0;      // 0: a kept connection
  Nanos first_byte_ns = 0;   // head complete .. response head; 0: none
  Nanos total_ns = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;  // bodies
  std::uint64_t epoch = 0;
  std::uint16_t status = 0;  // 0: nothing was sent
  std::uint8_t retries = 0;
  std::uint8_t minor_version = 1;
  bool has_color = false;
  Color color = Color::blue;
  http::Reason reason = http::Reason::none;
  std::string_view traffic_class;  // "request", "stream", "tunnel"
  std::string_view client;         // ip
  std::string_view peer;           // ip, of the trusted one that named the client; else empty
  std::string_view method, host, target, service, server, request_id, user_agent, referer;
  std::string_view trace_id;  // of the traceparent that was passed on, or begun; 32 hex digits
  std::string_view tls_version, tls_cipher, tls_name;  // of the client's connection; name: SNI
  std::string_view detail;  // cause in words ("connect: Connection refused"), if any
};

class AccessRing {  // single producer, single consumer
 public:
  explicit AccessRing(std::size_t bytes = 1 << 20);
  ~AccessRing();
  // Worker only. False: there was no room, the record is dropped. Texts are cut to 1 KiB (target:
  // 2 KiB).
  bool push(const AccessRecord& record);
  struct Impl;  // access_ring.hpp

 private:
  friend class AccessLog;
  std::unique_ptr<Impl> impl_;
};

class AccessLog {
 public:
  // Opens the sink (error: throws std::runtime_error with one clear line).
  AccessLog(config::AccessFormat format, std::string path, unsigned workers);
  ~AccessLog();  // writes what is left, joins
  AccessRing& ring(unsigned worker);
  bool enabled() const;
  // SIGUSR1; any thread; returns at once. A file that cannot be reopened keeps the old descriptor
  // and is reported.
  void reopen();
  // Returns when everything pushed before the call was written, or was tried in vain: the sink
  // failed (write_errors grows), or took nothing for a second. Any thread; a reopen asked for
  // before is done by then.
  void flush();
  std::uint64_t written() const;
  std::uint64_t write_errors() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One line without the newline; exposed for tests. JSON is valid UTF-8 whatever a client sent.
void format_json(const AccessRecord& record, std::string& out);
void format_text(const AccessRecord& record, std::string& out);  // combined log format

// The program's own log (spdlog, stderr). Level may be changed at run time, from any thread. Who
// logs never waits for who reads: 256 KiB of lines wait for a reader, more are dropped, counted and
// told of where they are missing. spdlog's flush() waits a second for them at most.
void start_program_log(config::LogLevel level);
void set_program_log_level(config::LogLevel level);
std::uint64_t dropped_program_log_lines();  // of this process

}  // namespace switchback::log
