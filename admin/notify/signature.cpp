#include "admin/notify/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <vector>

namespace switchback::notify {

namespace {

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::vector<unsigned char> out(4 * ((size + 2) / 3) + 1);
  const int n = EVP_EncodeBlock(out.data(), bytes, static_cast<int>(size));
  return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(n)};
}

// The key's bytes; a text that is no base64 stands for itself.
std::string key_of(std::string_view secret) {
  constexpr std::string_view prefix = "whsec_";
  if (!secret.starts_with(prefix)) return std::string(secret);
  std::string text(secret.substr(prefix.size()));
  std::size_t padding = 0;
  while (padding < 2 && text.size() > padding && text[text.size() - 1 - padding] == '=') ++padding;
  std::vector<unsigned char> out(text.size() + 4);
  const int n = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                static_cast<int>(text.size()));
  if (n < 0) return std::string(secret);
  return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(n) - padding};
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::int64_t timestamp_s, std::string_view body) {
  const std::string key = key_of(secret);
  std::string text(id);
  text += "." + std::to_string(timestamp_s) + ".";
  text += body;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return "v1," + base64(digest, size);
}

}  // namespace switchback::notify
