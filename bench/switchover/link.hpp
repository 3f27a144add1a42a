// A non-blocking client connection, plain or TLS: connect, handshake, read, write, each tried and
// either done or told to wait. The load's connections and the probe use it.
//
// Threads: one per Link; a TlsContext may be shared. Errors are values: text in `error()`.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "bench/switchover/target.hpp"

namespace switchback::bench {

class TlsContext {
 public:
  // `verify`: against the system's authorities and the target's name.
  explicit TlsContext(bool verify);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  SSL_CTX* get() const { return context_; }
  bool verify() const { return verify_; }

 private:
  SSL_CTX* context_;
  bool verify_;
};

class Link {
 public:
  enum class Step : std::uint8_t { done, want_read, want_write, end, failed };
  struct Moved {
    Step step;
    std::size_t bytes = 0;
  };

  Link() = default;
  ~Link() { close(); }
  Link(const Link&) = delete;

  // Begins; go on with ready() until it is done.
  Step open(const Target& target, const TlsContext& tls);
  Step ready();
  Moved read(char* to, std::size_t size);
  Moved write(std::string_view data);
  void close();

  int descriptor() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  bool connected() const { return connected_; }  // the handshake of TCP is over
  const std::string& error() const { return error_; }

 private:
  Step fail(std::string what);
  Moved tls_result(int result);

  int fd_ = -1;
  bool connected_ = false;
  SSL* ssl_ = nullptr;
  std::string error_;
};

}  // namespace switchback::bench
