// Who the client is where a trusted proxy stands in front and names it: in X-Forwarded-For (which
// has no RFC), in Forwarded (RFC 7239), or in a field of its own that holds one address.
//
// Lists are read from their end: each proxy has written who came to it behind what it was told. So
// an element counts as long as everybody behind it is trusted, the first address that is not
// trusted is the client, and nothing in front of it can change that. What is no address (unknown,
// an obfuscated name, nonsense) ends the walk at the last one that was.
// Threads: any; values only. Nothing here allocates but client_naming_of(), which is for the time
// in which a configuration is built. Nothing throws.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/http/head.hpp"

namespace switchback::http {

struct ClientAddress {
  std::array<std::uint8_t, 16> ip{};  // network order; IPv4 as ::ffff:a.b.c.d
  std::uint16_t port = 0;             // host order; 0: not told
  bool is_v4() const {
    for (std::size_t i = 0; i < 10; ++i)
      if (ip[i] != 0) return false;
    return ip[10] == 0xff && ip[11] == 0xff;
  }
  friend bool operator==(const ClientAddress&, const ClientAddress&) = default;
};

// "192.0.2.7", "192.0.2.7:80", "2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:80", in quotes or
// not; an obfuscated port (RFC 7239 §6.3) is not told. False, and `out` as it was: anything else,
// and addresses that nobody has (0.0.0.0, ::).
bool read_client_address(std::string_view text, ClientAddress& out);

// Where to look, made from `forwarded.client_header`.
struct ClientNaming {
  enum class Form : std::uint8_t { x_forwarded_for, forwarded, single };
  Form form = Form::x_forwarded_for;
  FieldId id = FieldId::x_forwarded_for;  // `other`: by name
  std::string name = "x-forwarded-for";   // lower case
};
ClientNaming client_naming_of(std::string_view client_header);

// Takes the lines of the field, the last one first: several lines are one list. Of a field that
// holds one address there must be one line.
class ClientWalk {
 public:
  // `peer`: at the other end of the connection, and trusted. All are kept by reference.
  ClientWalk(const ClientNaming& naming, const std::vector<config::Network>& trust,
             const ClientAddress& peer)
      : naming_(naming), trust_(trust), peer_(peer), client_(peer) {}

  bool line(std::string_view value);  // false: those in front do not matter
  bool named() const { return named_; }
  const ClientAddress& client() const { return client_; }  // the peer as long as nobody is named

 private:
  bool list(std::string_view value);
  bool forwarded_list(std::string_view value);
  bool single(std::string_view value);
  bool step(std::string_view node);

  const ClientNaming& naming_;
  const std::vector<config::Network>& trust_;
  const ClientAddress& peer_;
  ClientAddress client_;
  unsigned lines_ = 0;
  bool named_ = false;
};

// The client that a trusted peer names in this head. False: it names none, and `out` is not
// touched. `peer`: 16 bytes as in ClientAddress.
bool find_client(const RequestHead& head, const ClientNaming& naming,
                 const std::vector<config::Network>& trust, const std::uint8_t (&peer)[16],
                 ClientAddress& out);

// What somebody who is not trusted says in such a field of one address is not passed on, in
// whatever spelling servers take for it ('_' for '-').
void drop_client_field(const RequestHead& head, const ClientNaming& naming);

}  // namespace switchback::http
