// Version 2 (§2.2): twelve bytes of signature, then version, family, length, addresses and TLVs.
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "proxy/proxy_protocol/crc32c.hpp"
#include "proxy/proxy_protocol/decode_versions.hpp"

namespace switchback::proxy_protocol {
namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t crc_bytes = 4;
constexpr std::size_t tlv_head_bytes = 3;

enum Tlv : std::uint8_t { tlv_crc32c = 0x03, tlv_unique_id = 0x05, tlv_ssl = 0x20 };

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

std::size_t word_at(std::string_view text, std::size_t at) {
  return static_cast<std::size_t>(byte_at(text, at)) << 8 | byte_at(text, at + 1);
}

struct Family {
  bool known = false;
  int family = AF_UNSPEC;
  std::size_t bytes = 0;  // of both addresses and ports
};

// The high half is the family, the low one the transport; datagrams too are somebody's address (a
// balancer that speaks HTTP/3 to its clients). Unassigned pairs must be refused (§2.2).
Family family_of(std::uint8_t code) {
  switch (code) {
    case 0x00:
      return {true, AF_UNSPEC, 0};
    case 0x11:
    case 0x12:
      return {true, AF_INET, 12};
    case 0x21:
    case 0x22:
      return {true, AF_INET6, 36};
    case 0x31:
    case 0x32:
      return {true, AF_UNIX, 216};
    default:
      return {};
  }
}

void read_v4(const char* ip, const char* port, sockaddr_storage& out) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, ip, 4);
  std::memcpy(&v4.sin_port, port, 2);
  std::memcpy(&out, &v4, sizeof v4);
}

void read_v6(const char* ip, const char* port, sockaddr_storage& out) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, ip, 16);
  std::memcpy(&v6.sin6_port, port, 2);
  std::memcpy(&out, &v6, sizeof v6);
}

void read_addresses(int family, const char* at, Header& out) {
  out.source = out.destination = {};
  if (family == AF_INET) {
    read_v4(at, at + 8, out.source);
    read_v4(at + 4, at + 10, out.destination);
  } else if (family == AF_INET6) {
    read_v6(at, at + 32, out.source);
    read_v6(at + 16, at + 34, out.destination);
  } else {
    out.source.ss_family = out.destination.ss_family = AF_UNIX;
  }
}

// One TLV from the front of `rest`; false when it ends behind it.
bool take_tlv(std::string_view& rest, std::uint8_t& type, std::string_view& value) {
  if (rest.size() < tlv_head_bytes) return false;
  type = byte_at(rest, 0);
  const std::size_t length = word_at(rest, 1);
  if (rest.size() - tlv_head_bytes < length) return false;
  value = rest.substr(tlv_head_bytes, length);
  rest.remove_prefix(tlv_head_bytes + length);
  return true;
}

// PP2_TYPE_SSL: a byte of flags, four of the verification's result, and TLVs of its own (§2.2.6).
bool read_ssl(std::string_view value, bool& tls) {
  if (value.size() < 5) return false;
  tls = (byte_at(value, 0) & 0x01) != 0;
  value.remove_prefix(5);
  std::uint8_t type;
  std::string_view inner;
  while (!value.empty())
    if (!take_tlv(value, type, inner)) return false;
  return true;
}

// The checksum is taken over the whole header with its own four bytes as zeros (§2.2.4).
bool checksum_fits(std::string_view header, std::string_view sum) {
  static constexpr char zeros[crc_bytes] = {};
  const auto before = static_cast<std::size_t>(sum.data() - header.data());
  const std::size_t behind = before + crc_bytes;
  std::uint32_t state = crc32c_add(~std::uint32_t{0}, header.data(), before);
  state = crc32c_add(state, zeros, crc_bytes);
  state = ~crc32c_add(state, header.data() + behind, header.size() - behind);
  const std::uint32_t sent = static_cast<std::uint32_t>(word_at(sum, 0) << 16 | word_at(sum, 2));
  return state == sent;
}

Fault read_tlvs(std::string_view header, std::size_t at, Header& out) {
  std::string_view rest = header.substr(at), value, sum;
  std::uint8_t type;
  while (!rest.empty()) {
    if (!take_tlv(rest, type, value)) return Fault::bad_tlv;
    if (type == tlv_ssl && !read_ssl(value, out.tls)) return Fault::bad_tlv;
    if (type == tlv_unique_id && value.size() > 128) return Fault::bad_tlv;
    if (type != tlv_crc32c) continue;
    if (value.size() != crc_bytes || sum.data() != nullptr) return Fault::bad_tlv;
    sum = value;
  }
  if (sum.data() != nullptr && !checksum_fits(header, sum)) return Fault::bad_checksum;
  return Fault::none;
}

}  // namespace

Decoded decode_v2(const char* data, std::size_t size, Header& out) {
  const std::string_view text(data, size);
  const std::size_t common = std::min(size, signature.size());
  if (text.substr(0, common) != signature.substr(0, common)) return refuse(Fault::no_signature);
  // Each byte is judged as soon as it is there, so that a stranger is not waited for.
  if (size < 13) return {};
  const std::uint8_t version = byte_at(text, 12) >> 4, command = byte_at(text, 12) & 0x0f;
  if (version != 2) return refuse(Fault::bad_version);
  if (command > 1) return refuse(Fault::bad_command);
  const bool local = command == 0;
  if (size < 14) return {};
  const Family family = family_of(byte_at(text, 13));
  if (!local && !family.known) return refuse(Fault::bad_family);  // LOCAL's means nothing (§2.2)
  if (size < v2_fixed_bytes) return {};
  const std::size_t whole = v2_fixed_bytes + word_at(text, 14);
  if (whole > max_header_bytes) return refuse(Fault::too_long);
  if (!local && whole < v2_fixed_bytes + family.bytes) return refuse(Fault::too_short);
  if (size < whole) return {};
  out = {};
  out.version = 2;
  out.local = local || family.family == AF_UNSPEC;
  if (!local && family.family != AF_UNSPEC) {
    read_addresses(family.family, data + v2_fixed_bytes, out);
    const Fault fault = read_tlvs(text.substr(0, whole), v2_fixed_bytes + family.bytes, out);
    if (fault != Fault::none) return refuse(fault);
  }
  return {Status::complete, Fault::none, whole};
}

}  // namespace switchback::proxy_protocol
