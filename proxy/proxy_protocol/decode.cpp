#include "proxy/proxy_protocol/decode.hpp"

#include "proxy/proxy_protocol/decode_versions.hpp"

namespace switchback::proxy_protocol {

std::string_view text_of(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "";
    case Fault::no_signature:
      return "no PROXY header";
    case Fault::bad_line:
      return "PROXY line malformed";
    case Fault::line_too_long:
      return "PROXY line too long";
    case Fault::bad_address:
      return "PROXY line with a wrong address";
    case Fault::bad_port:
      return "PROXY line with a wrong port";
    case Fault::bad_version:
      return "PROXY header of an unknown version";
    case Fault::bad_command:
      return "PROXY header with an unknown command";
    case Fault::bad_family:
      return "PROXY header with an unknown family";
    case Fault::too_short:
      return "PROXY header too short for its addresses";
    case Fault::too_long:
      return "PROXY header too long";
    case Fault::bad_tlv:
      return "PROXY header with a malformed TLV";
    case Fault::bad_checksum:
      return "PROXY header with a wrong checksum";
  }
  return "";
}

Decoded decode(const char* data, std::size_t size, Header& out) {
  if (size == 0) return {};
  // The first byte tells the two apart: 'P', or the CR that begins version 2's signature.
  return data[0] == '\r' ? decode_v2(data, size, out) : decode_v1(data, size, out);
}

}  // namespace switchback::proxy_protocol
