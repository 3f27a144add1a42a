#include "admin/api/client_rule.hpp"

#include <algorithm>

#include "proxy/http/client_naming.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::api {
namespace {

bool is_loopback(const net::IpBytes& ip) {
  static constexpr net::IpBytes v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr net::IpBytes nobody{};
  const bool v4 =
      std::equal(ip.begin(), ip.begin() + 10, nobody.begin()) && ip[10] == 0xff && ip[11] == 0xff;
  return ip == v6 || (v4 && ip[12] == 127);
}

void take_place(web::Peer& peer, const http::ClientAddress& client) {
  peer.via = peer.ip;
  peer.ip = std::string(net::IpText(client.ip).view());
  const bool v6 = peer.ip.find(':') != std::string::npos;
  peer.address = v6 ? "[" + peer.ip + "]" : peer.ip;
  if (client.port != 0) peer.address += ":" + std::to_string(client.port);
  peer.loopback = peer.loopback && is_loopback(client.ip);
}

}  // namespace

std::function<void(web::Request&)> client_rule(const config::AdminForwarded& forwarded) {
  if (forwarded.trust.empty()) return {};
  return
      [forwarded, naming = http::client_naming_of(forwarded.client_header)](web::Request& request) {
        http::ClientAddress peer;
        if (request.peer.kind != web::Peer::Kind::tcp) return;
        if (!http::read_client_address(request.peer.ip, peer)) return;
        const auto& ip = *reinterpret_cast<const std::uint8_t(*)[16]>(peer.ip.data());
        if (!http::trusted(forwarded.trust, ip)) return;
        http::ClientWalk walk(naming, forwarded.trust, peer);
        for (auto field = request.fields.rbegin(); field != request.fields.rend(); ++field) {
          if (web::same_field_name(field->first, naming.name) && !walk.line(field->second)) break;
        }
        if (walk.named()) take_place(request.peer, walk.client());
      };
}

}  // namespace switchback::api
