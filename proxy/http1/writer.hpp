// Appends to a piece of memory and remembers when it was too small. Internal to proxy/http1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proxy/http/head.hpp"

namespace switchback::http1 {

// Short texts are the rule, and calling memcpy for each costs more than copying them.
inline void copy_bytes(char* out, const char* from, std::size_t size) {
  if (size > 32) {
    std::memcpy(out, from, size);
  } else if (size >= 16) {
    std::memcpy(out, from, 16);
    std::memcpy(out + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(out, from, 8);
    std::memcpy(out + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(out, from, 4);
    std::memcpy(out + size - 4, from + size - 4, 4);
  } else {
    for (std::size_t i = 0; i < size; ++i) out[i] = from[i];
  }
}

class Writer {
 public:
  Writer(char* out, std::size_t room) : begin_(out), p_(out), end_(out + room) {}

  void text(std::string_view piece) {
    if (!fits(piece.size())) return;
    copy_bytes(p_, piece.data(), piece.size());
    p_ += piece.size();
  }

  template <std::size_t N>
  void literal(const char (&piece)[N]) {
    if (!fits(N - 1)) return;
    std::memcpy(p_, piece, N - 1);
    p_ += N - 1;
  }

  template <std::size_t N>  // `name` with its ": "
  void line(const char (&name)[N], std::string_view value) {
    literal(name);
    text(value);
    literal("\r\n");
  }

  void number(std::uint64_t value) {
    char digits[20];
    char* p = digits + sizeof digits;
    do {
      *--p = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    text({p, static_cast<std::size_t>(digits + sizeof digits - p)});
  }

  // Bytes written, or 0 when they did not fit.
  std::size_t size() const { return full_ ? 0 : static_cast<std::size_t>(p_ - begin_); }

 private:
  bool fits(std::size_t size) {
    if (static_cast<std::size_t>(end_ - p_) >= size) [[likely]]
      return true;
    full_ = true;
    end_ = p_;  // nothing after this fits either, so that no hole is left
    return false;
  }

  char* const begin_;
  char* p_;
  char* end_;
  bool full_ = false;
};

// Collects fields that lie next to each other in the buffer they came from, and copies each such
// run at once, line ends included.
class FieldRun {
 public:
  explicit FieldRun(Writer& out) : out_(out) {}

  void add(const http::Field& field) {
    const char* const value_end = field.value_data + field.value_size;
    if (!is_line(field)) {
      flush();
      out_.text(field.name());
      out_.literal(": ");
      out_.text(field.value());
      out_.literal("\r\n");
    } else if (begin_ != nullptr && distance(end_, field.name_data) == 2 && end_[0] == '\r' &&
               end_[1] == '\n') {
      end_ = value_end;
    } else {
      flush();
      begin_ = field.name_data;
      end_ = value_end;
    }
  }

  void flush() {
    if (begin_ == nullptr) return;
    out_.text({begin_, static_cast<std::size_t>(end_ - begin_)});
    out_.literal("\r\n");
    begin_ = nullptr;
  }

 private:
  // As integers: the two may point into different objects.
  static std::uintptr_t distance(const char* from, const char* to) {
    return reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
  }

  // Whether name and value stand in one "Name:value" or "Name: value". The bytes between are read
  // only where the two are that close.
  static bool is_line(const http::Field& field) {
    const char* const colon = field.name_data + field.name_size;
    const std::uintptr_t gap = distance(colon, field.value_data);
    if (gap == 2) [[likely]]
      return colon[0] == ':' && colon[1] == ' ';
    return gap == 1 && colon[0] == ':';
  }

  Writer& out_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

}  // namespace switchback::http1
