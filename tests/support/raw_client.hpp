// A blocking TCP (or unix) client that sends exactly the bytes it is given and sees exactly those
// it gets; by TLS when told so.
//
// Every wait has the deadline of the constructor; when it passes, or the connection ends where
// bytes were wanted, std::runtime_error says what was got so far. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ssl_st;  // OpenSSL's SSL

namespace switchback::test {

struct RawResponse {
  int status = 0;
  std::string head;                                         // with the empty line
  std::vector<std::pair<std::string, std::string>> fields;  // names as sent
  std::string body;                                         // decoded
  std::vector<std::pair<std::string, std::string>> trailers;
  bool complete = false;                           // the framing says that all of the body is there
  std::string field(std::string_view name) const;  // first value, "" when absent
  bool has(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port,
                     std::chrono::milliseconds deadline = std::chrono::seconds(20));
  // "127.0.0.1:8080", "http://127.0.0.1:8080", "[::1]:8080" or "unix:/path". A scheme says nothing
  // about TLS: see secure().
  explicit RawClient(const std::string& address,
                     std::chrono::milliseconds deadline = std::chrono::seconds(20));
  static RawClient adopt(int fd, std::chrono::milliseconds deadline = std::chrono::seconds(20));
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&& other) noexcept;
  ~RawClient();

  // From now on by TLS, as a client; takes `ssl` over. Throws when the handshake fails. An end
  // without close_notify is a reset.
  void secure(ssl_st* ssl);
  ssl_st* ssl() const { return ssl_.get(); }  // null: cleartext

  void send(std::string_view bytes);      // all of it; throws when the peer is gone
  bool try_send(std::string_view bytes);  // false instead
  // As much as the peer takes until it takes nothing for `quiet`; returns the bytes sent.
  std::size_t send_until_blocked(std::string_view piece, std::chrono::milliseconds quiet);

  std::string read_some();  // "": end
  std::string read_exact(std::size_t bytes);
  std::string read_until(std::string_view mark);  // with the mark
  std::string read_head() { return read_until("\r\n\r\n"); }
  std::string read_to_end();  // a reset ends it too, see reset_seen()
  // One response, interim (1xx) ones are skipped unless `interim`. A body cut short is no error
  // here: see RawResponse::complete. `head_only`: the request was HEAD.
  RawResponse read_response(bool head_only = false, bool interim = false);
  bool wait_for_end();  // true: ended (FIN or reset) without another byte
  bool reset_seen() const { return reset_seen_; }

  void half_close();  // FIN
  void reset();       // RST
  void close();
  int fd() const { return fd_; }
  std::uint16_t local_port() const;

 private:
  RawClient() = default;
  void read_body(RawResponse& response);
  bool read_chunks(RawResponse& response);
  bool fill();         // one recv into buffer_; false: end
  bool fill_secure();  // raw_client_tls.cpp
  bool try_send_secure(std::string_view bytes);
  bool wait_for_secure(int result, const char* what);
  void wait(short events, const char* what);
  int fd_ = -1;
  std::chrono::milliseconds deadline_{};
  std::string buffer_;
  bool reset_seen_ = false;
  std::shared_ptr<ssl_st> ssl_;
};

// One request on a fresh connection.
RawResponse fetch(const std::string& address, const std::string& target,
                  const std::string& extra_fields = "");

}  // namespace switchback::test
