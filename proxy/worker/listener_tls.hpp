// The listeners' certificates for all workers: read, judged and made into contexts on the control
// thread, so that a reload either gets all of them or changes nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/tls/server_context.hpp"
#include "proxy/worker/named_fault.hpp"

namespace switchback::worker {

// By listener, then by worker; null for a listener without TLS.
using ListenerContexts = std::vector<std::vector<std::shared_ptr<tls::ServerContext>>>;

class ListenerTls {
 public:
  // Throws std::runtime_error with one line a fault; nothing has changed then. Warnings go to the
  // program's log.
  ListenerContexts load(const config::Config& config, unsigned workers);
  // What the last load found in the files that the one before had not, one line each.
  const std::vector<std::string>& renewed() const { return renewed_; }

 private:
  // The keys of session tickets go on over reloads.
  std::vector<std::shared_ptr<tls::TicketKeys>> keys_;
  std::vector<std::shared_ptr<const tls::ServerFiles>> files_;
  std::vector<std::string> renewed_;
};

// For `switchback check`.
std::vector<NamedFault> check_listener_files(const config::Config& config);

}  // namespace switchback::worker
