// How connections to the servers of a pool begin: PROXY header, then TLS, then HTTP; and by which
// rules their answers are read, by traffic, checks and probes alike.
//
// Made on the control thread, one for each worker and one for the health checker; immutable.
#pragma once

#include <cstdint>
#include <memory>

#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/net/endpoints.hpp"
#include "proxy/proxy_protocol/encode.hpp"
#include "proxy/tls/client_context.hpp"

namespace switchback::upstream {

struct Wire {
  std::shared_ptr<const tls::ClientContext> tls;  // null: cleartext
  config::PoolTls tls_settings;                   // with tls: whom to expect
  config::ProxyHeader proxy_header = config::ProxyHeader::off;
  http1::Sender answers = http1::Sender::forgiven_server;
  Nanos idle_ns = 0;              // traffic's kept connections; 0: as long as the server likes
  http1::HeadLimits head_limits;  // for checks and probes; traffic has the same from its worker

  bool bare() const { return !tls && proxy_header == config::ProxyHeader::off; }
  bool same(const Wire& other) const {
    return tls == other.tls && proxy_header == other.proxy_header;
  }
  // The PROXY header, into a buffer of proxy_protocol::max_encoded_bytes; 0: none.
  std::size_t write_header(char* out, const net::Endpoints& ends) const {
    if (proxy_header == config::ProxyHeader::off) return 0;
    return proxy_header == config::ProxyHeader::v1 ? proxy_protocol::encode_v1(out, ends)
                                                   : proxy_protocol::encode_v2(out, ends);
  }
};

// One server's end of a wire on one worker.
struct ServerLink {
  Wire wire;
  bool bare = true;              // nothing comes before HTTP
  bool per_client = false;       // a connection belongs to one client: its PROXY header named it
  std::uint32_t generation = 0;  // connections of an older one are not used again
  tls::ServerName name;
  tls::SessionStore sessions;

  // True when connections begin differently from now on.
  bool adopt(const Wire& next, const config::Address& address) {
    wire.answers = next.answers;
    wire.idle_ns = next.idle_ns;
    wire.head_limits = next.head_limits;
    if (wire.same(next)) return false;
    wire = next;
    bare = wire.bare();
    per_client = wire.proxy_header != config::ProxyHeader::off;
    ++generation;
    sessions.clear();  // what was verified by other rules is not resumed
    if (wire.tls) name = tls::server_name(wire.tls_settings, address);
    return true;
  }
};

}  // namespace switchback::upstream
