#include "proxy/exchange/service_runtime.hpp"

namespace switchback::exchange {

std::uint32_t method_mask(const std::vector<std::string>& methods) {
  std::uint32_t mask = 0;
  for (const std::string& name : methods) {
    const http::Method method = http::method_of(name);
    if (method != http::Method::other) mask |= 1u << static_cast<unsigned>(method);
  }
  return mask;
}

bool ServiceRuntime::may_retry(const http::RequestHead& head) const {
  if (head.method != http::Method::other) {
    return (retry_methods >> static_cast<unsigned>(head.method)) & 1u;
  }
  for (const std::string& name : config->retries.methods) {
    if (name == head.method_text) return true;
  }
  return false;
}

}  // namespace switchback::exchange
