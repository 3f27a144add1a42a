// The keys that session tickets are sealed with (RFC 5077 §4, RFC 8446 §4.6.1): made here at
// random, never stored, a new one every `rotation`. Tickets of the last two keys before it are
// still opened. All workers of a listener share one object, so that a session goes on on any of
// them.
//
// Threads: any; a lock is held for a copy, once or twice a handshake.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <mutex>

#include "proxy/base/clock.hpp"

namespace switchback::tls {

class TicketKeys {
 public:
  static constexpr std::size_t kept = 3;  // the one that seals, and two that still open

  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;  // AES-256-CBC
    std::array<unsigned char, 32> mac;     // HMAC-SHA256
    Nanos made_ns;
  };
  enum class Found { no, newest, older };

  explicit TicketKeys(Nanos rotation_ns) : rotation_ns_(rotation_ns) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  void set_rotation(Nanos rotation_ns);
  // Makes a new key where one is due, and forgets those that are too old. Every use does this too.
  void rotate(Nanos now_ns);
  bool newest(Nanos now_ns, Key& out);  // false: no random bytes to be had
  Found find(Nanos now_ns, const unsigned char* name, Key& out);

 private:
  void rotate_locked(Nanos now_ns);
  std::mutex mutex_;
  Nanos rotation_ns_;
  std::size_t count_ = 0;
  std::array<Key, kept> keys_;  // newest first
};

}  // namespace switchback::tls
