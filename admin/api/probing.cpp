// /healthz and /readyz: for orchestrators and balancers, which have no token, ask by a pod's
// address and speak HTTP/1.0 if they like.
#include "admin/api/api.hpp"
#include "admin/api/views.hpp"

namespace switchback::api {

namespace {

web::Response plain(std::string text, unsigned status) {
  web::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  response.fields.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

web::Response Api::healthz() {
  return plain("ok\n", 200);
}

web::Response Api::readyz() {
  if (leaving_) return plain("not ready\nswitchback is shutting down\n", 503);
  auto fault = not_ready(plane_);
  return fault.empty() ? plain("ready\n", 200) : plain("not ready\n" + fault, 503);
}

// admin.health_bind: nothing else is there.
web::Reply Api::probe(const web::Request& request) {
  const bool health = request.path == "/healthz";
  if (!health && request.path != "/readyz")
    return plain("Only /healthz and /readyz are here.\n", 404);
  if (request.method != "GET" && request.method != "HEAD") {
    auto refused = plain("Only GET and HEAD are answered here.\n", 405);
    refused.fields.emplace_back("Allow", "GET, HEAD");
    return refused;
  }
  if (stopped_) return plain("switchback is shutting down\n", 503);
  return health ? healthz() : readyz();
}

}  // namespace switchback::api
