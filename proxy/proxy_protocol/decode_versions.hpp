// The two forms of the header, each judged by its own file; decode() chooses by the first byte.
#pragma once

#include "proxy/proxy_protocol/decode.hpp"

namespace switchback::proxy_protocol {

Decoded decode_v1(const char* data, std::size_t size, Header& out);
Decoded decode_v2(const char* data, std::size_t size, Header& out);

inline Decoded refuse(Fault fault) {
  return {Status::rejected, fault, 0};
}

}  // namespace switchback::proxy_protocol
