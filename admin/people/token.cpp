#include "admin/people/token.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>

#include "proxy/base/assert.hpp"

namespace switchback::people {
namespace {

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(digits[bytes[i] >> 4]);
    out.push_back(digits[bytes[i] & 15]);
  }
  return out;
}

std::string token_id(std::string_view name) {
  std::string id;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (kept && id.size() < 32) id.push_back(c);
  }
  return id.empty() ? "token" : id;
}

template <std::size_t Bytes>
std::string random_hex() {
  std::array<unsigned char, Bytes> bytes{};
  SB_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return hex(bytes.data(), bytes.size());
}

NewToken token_with(std::string id) {
  NewToken token;
  token.text = "sbt_" + id + "_" + random_hex<32>();
  token.sha256 = sha256_hex(token.text);
  token.id = std::move(id);
  return token;
}

}  // namespace

NewToken make_token(std::string_view name) {
  return token_with(token_id(name));
}

NewToken make_unique_token(std::string_view name) {
  return token_with(token_id(name) + "-" + random_hex<4>());
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return hex(digest.data(), digest.size());
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace switchback::people
