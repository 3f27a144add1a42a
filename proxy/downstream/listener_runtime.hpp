// One listener as one worker sees it: what a new connection has to go through before its first
// head.
//
// Threads: its worker. Lifetime: as long as the worker; a reload changes its members in place, and
// connections that are open keep what they have taken from it.
#pragma once

#include <memory>

namespace switchback::tls {
class ServerContext;
}

namespace switchback::downstream {

struct ListenerRuntime {
  bool proxy_protocol = false;              // a PROXY header comes first
  std::shared_ptr<tls::ServerContext> tls;  // then a handshake; null: cleartext
};

}  // namespace switchback::downstream
