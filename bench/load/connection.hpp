// One client connection of the load generator: TCP or TLS, HTTP/1.1, one request at a time.
// It believes what the server says about lengths; a body without Content-Length counts as a
// failure.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace load {

// What all connections of a run share.
struct Target {
  sockaddr_in address{};
  std::string request;     // head and body, sent as they are
  SSL_CTX* tls = nullptr;  // not owned; none: cleartext
  int epoll = -1;
  bool resume = false;  // offer the session got last
};

enum class Outcome {
  pending,   // waits for the socket
  ready,     // established, and no request is under way
  answered,  // the answer is complete; status() tells which
  closed,    // the server closed while nothing was owed
  failed,    // refused, reset, closed early or not understood
};

class Connection {
 public:
  Connection(const Target& target, std::uint32_t number) : target_(target), number_(number) {}
  ~Connection() { shut(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to connect; false when there is no socket to be had.
  bool open();
  // The request is to be sent as soon as the connection stands.
  void ask() { asked_ = true; }
  // Goes on as far as the socket allows.
  Outcome advance();
  // After an answer that ends the connection: only the server's end is awaited, so that the port is
  // free again at once (whoever closes first keeps it for a minute).
  void await_end() { ending_ = true; }
  void shut();

  bool is_open() const { return fd_ >= 0; }
  int status() const { return status_; }
  bool resumed() const { return tls_ && SSL_session_reused(tls_.get()) == 1; }
  std::string tls_name() const;
  std::uint32_t number() const { return number_; }

  // The moment the request was due, or began; in ns of the monotonic clock. For the schedule.
  std::int64_t due_ns = 0;
  bool counted = false;  // the request under way belongs to the measured window

 private:
  enum class State { connecting, handshaking, standing };
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  Outcome establish();
  bool send_rest();  // false: broken
  Outcome receive();
  // > 0 bytes, 0 nothing now, -1 the end, -2 broken
  long read_some(char* buffer, std::size_t size);
  bool consume(std::string_view data);  // false: not understood
  bool read_head(std::string_view head);

  const Target& target_;
  std::uint32_t number_;
  int fd_ = -1;
  State state_ = State::connecting;
  std::unique_ptr<SSL, FreeSsl> tls_;
  bool asked_ = false;
  bool ending_ = false;
  std::size_t sent_ = 0;
  std::string head_;  // of an answer whose head came in pieces
  bool head_done_ = false;
  std::size_t body_left_ = 0;
  int status_ = 0;
};

// A context for clients that remember the session they got last. Certificates are not verified:
// what is measured is the server. Lives until the program ends.
SSL_CTX* make_client_context();
bool have_session();

}  // namespace load
