// A blocking server for what happens on the wire: TLS or not, PROXY headers, closing at the worst
// moment. Each connection goes to a function of the test, on a thread of its own.
//
// TestServer has the richer behaviour over cleartext; this one is for how connections begin and
// end.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/certificates.hpp"

namespace switchback::test {

struct WireRequest {
  std::string method, target, head, body;
  std::string field(std::string_view name) const;  // "" when absent
};

class WireConnection {
 public:
  WireConnection(int fd, std::uint64_t number) : fd_(fd), number_(number) {}
  ~WireConnection() { close(); }
  WireConnection(const WireConnection&) = delete;

  std::uint64_t number() const { return number_; }  // from 1
  bool shake_hands(SSL_CTX* context);               // false: failed
  SSL* ssl() const { return ssl_; }
  std::string read_raw(std::size_t bytes);  // from the socket itself; short at the end
  bool read_request(WireRequest& request);  // false: ended
  bool write(std::string_view bytes);       // false: the peer is gone
  bool answer(std::string_view body, std::string_view fields = {}, int status = 200);
  bool wait_for_input();  // false: the server is being stopped
  void close(bool reset = false, bool close_notify = true);
  void shut();  // from another thread: whatever waits on it ends

 private:
  std::string read_some();
  std::mutex mutex_;  // around closing
  int fd_;
  std::uint64_t number_;
  SSL* ssl_ = nullptr;
  std::string pending_;
};

struct WireServerOptions {
  CertificateFiles certificate;  // empty: cleartext
  std::string client_ca;         // clients have to show a certificate that leads there
  std::string unix_path;
  int max_version = 0;  // TLS1_2_VERSION, …; 0: any
  std::function<void(WireConnection&)> before_tls;
  std::function<void(WireConnection&)> serve;  // default: answers "ok" to everything
};

class WireServer {
 public:
  explicit WireServer(WireServerOptions options = {});
  ~WireServer();
  WireServer(const WireServer&) = delete;

  std::string address() const { return address_; }  // "127.0.0.1:4711" or "unix:/path"
  std::uint16_t port() const { return port_; }
  std::uint64_t connections() const { return connections_; }
  std::uint64_t handshakes() const { return handshakes_; }
  std::uint64_t resumed() const { return resumed_; }
  std::string last_sni() const;
  std::string last_alpn() const;
  std::string last_client() const;                // subject of the client's certificate
  void use(const CertificateFiles& certificate);  // for handshakes from now on

 private:
  void accept_loop();
  void handle(WireConnection& connection);
  std::shared_ptr<SSL_CTX> make_context(const CertificateFiles& certificate) const;
  void note_handshake(SSL* ssl);

  WireServerOptions options_;
  std::string address_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  mutable std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;
  std::string sni_, alpn_, client_;
  std::set<WireConnection*> open_;  // each served by a thread that takes itself out at its end
  std::condition_variable closed_;
  std::thread acceptor_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> connections_{0}, handshakes_{0}, resumed_{0};
};

}  // namespace switchback::test
