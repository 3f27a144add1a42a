// Who asks over TCP when a proxy stands in front of the admin address (admin.forwarded).
//
// The client that a trusted proxy names takes the peer's place in the audit, in what a stranger may
// try, and in the question whether somebody is on this machine: a proxy that runs here does not
// make its clients local, and none can make itself local by a name. Tokens and certificates are
// looked at as ever. Threads: the control thread.
#pragma once

#include <functional>

#include "admin/http/message.hpp"
#include "config/model.hpp"

namespace switchback::api {

// Changes `peer` of a request; empty where nobody is trusted.
std::function<void(web::Request&)> client_rule(const config::AdminForwarded& forwarded);

}  // namespace switchback::api
