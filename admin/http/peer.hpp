// What the kernel knows about the other end of an accepted connection.
#pragma once

#include "admin/http/message.hpp"

namespace switchback::web {

// Of a connected unix socket. Groups that cannot be read are none.
Peer unix_peer(int fd);
// Of a connected TCP socket.
Peer tcp_peer(int fd);

}  // namespace switchback::web
