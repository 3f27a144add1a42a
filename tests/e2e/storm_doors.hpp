// The listeners that the storm's clients come in by: cleartext, TLS, and one behind a balancer that
// says PROXY.
//
// Threads: any. TLS clients verify the certificate for "shop.test", and go on with sessions that
// others left, each used once (RFC 8446 §C.4).
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/raw_client.hpp"

namespace switchback::test {

enum class Door : std::size_t { plain, tls, proxy, count };

class Doors {
 public:
  struct Addresses {
    std::string plain, tls, proxy;  // "http://127.0.0.1:4711"
  };
  Doors(Addresses addresses, const std::string& ca);
  Doors(const Doors&) = delete;

  // A connection, ready for the first head. `number`: for the PROXY header, see proxied_client; by
  // TLS every fourth begins without a session of before. Throws.
  RawClient open(Door door, std::uint64_t number);
  static std::string proxied_client(std::uint64_t number);  // the address that its header names

  std::uint64_t handshakes() const { return handshakes_; }
  std::uint64_t resumed() const { return resumed_; }
  std::size_t certificates() const;  // different ones seen

 private:
  static int keep(SSL* ssl, SSL_SESSION* session);
  RawClient open_tls(bool resume);

  const Addresses addresses_;
  std::shared_ptr<SSL_CTX> context_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<SSL_SESSION>> sessions_;  // the newest last
  std::set<long> serials_;
  std::atomic<std::uint64_t> handshakes_{0}, resumed_{0};
};

}  // namespace switchback::test
