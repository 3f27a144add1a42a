// For the layer's own files: a call into OpenSSL on behalf of one connection.
#pragma once

#include <openssl/err.h>

#include "proxy/tls/layer.hpp"

namespace switchback::tls {

class Layer::Call {
 public:
  Call(Workspace& workspace, Layer& layer, net::Stream& stream) : workspace_(workspace) {
    workspace.layer_ = &layer;
    workspace.stream_ = &stream;
    workspace.staged_ = 0;
    layer.blocked_ = false;
    ERR_clear_error();  // SSL_get_error looks at this thread's queue
  }
  ~Call() {
    workspace_.layer_ = nullptr;
    workspace_.stream_ = nullptr;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  Workspace& workspace_;
};

}  // namespace switchback::tls
