// gzip for answers that are worth it (RFC 9110 §8.4.1.3, RFC 1952).
//
// Threads: those of the caller; no state is shared. Bounded: one call of step() takes at most
// slice_bytes of input, so that who answers others on the same thread can do so in between.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "admin/http/message.hpp"

namespace switchback::web {

// Shorter bodies are sent as they are: the saving would be less than a packet.
inline constexpr std::size_t least_gzip_bytes = 1400;

// Whether the fields (Accept-Encoding, RFC 9110 §12.5.3) take gzip, and not rather nothing at all.
bool accepts_gzip(const Fields& fields);

// Whether that is asked at all: a look (GET, HEAD) that was answered with a body worth it. Answers
// to changes are left alone: what somebody else can make us repeat must not be compressed together
// with a secret.
bool worth_gzip(std::string_view method, const Response& response);

class Gzip {
 public:
  static constexpr std::size_t slice_bytes = 64 * 1024;

  explicit Gzip(std::string body);
  ~Gzip();
  Gzip(const Gzip&) = delete;

  // False: it is done, or failed for want of memory.
  bool step();
  bool sound() const { return sound_; }
  std::string take() { return std::move(out_); }  // when step() has said false and sound()
  std::string original() { return std::move(in_); }

 private:
  struct Stream;
  std::string in_, out_;
  std::size_t at_ = 0;
  std::unique_ptr<Stream> stream_;
  bool sound_ = true;
};

}  // namespace switchback::web
