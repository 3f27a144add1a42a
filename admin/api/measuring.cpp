// /metrics. A scrape of many services takes a while, and this thread is the one that flips: so it
// is written in parts, with everybody else's turns in between.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "admin/api/api.hpp"
#include "admin/metrics/notify.hpp"
#include "admin/metrics/readiness.hpp"
#include "admin/metrics/releases.hpp"
#include "admin/metrics/verification.hpp"

namespace switchback::api {

namespace asio = boost::asio;

asio::awaitable<web::Response> Api::metrics(std::shared_ptr<Api> api) {
  switchback::metrics::Scrape scrape(api->plane_, api->controller_, api->counts(), api->shown_,
                                     &api->moved_);
  bool more = true;
  while (more && !api->stopped_) {
    more = scrape.step();
    co_await asio::post(api->io_, asio::use_awaitable);
  }
  for (unsigned room = 0; room < 4 && !api->stopped_; ++room) {
    api->measure_room(room, scrape.out());
    co_await asio::post(api->io_, asio::use_awaitable);
  }
  web::Response response;
  if (api->stopped_) {
    response.status = 503;
    co_return response;
  }
  response.body = scrape.take();
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.fields.emplace_back("Cache-Control", "no-store");
  co_return response;
}

void Api::measure_room(unsigned room, switchback::metrics::Exposition& out) {
  switch (room) {
    case 0:
      if (rooms_.releases != nullptr && rooms_.null_flips != nullptr)
        switchback::metrics::release_metrics(out, plane_, controller_, *rooms_.releases,
                                             *rooms_.null_flips);
      return;
    case 1:
      if (rooms_.verifier != nullptr)
        switchback::metrics::verification_metrics(out, plane_, *rooms_.verifier);
      return;
    case 2:
      if (rooms_.readiness != nullptr)
        switchback::metrics::readiness_metrics(out, *rooms_.readiness);
      return;
    default:
      if (rooms_.notifier != nullptr) switchback::metrics::notify_metrics(out, *rooms_.notifier);
      return;
  }
}

}  // namespace switchback::api
