#include "admin/metrics/collect.hpp"

#include "admin/metrics/mirror.hpp"
#include "admin/metrics/people.hpp"
#include "admin/metrics/services.hpp"
#include "admin/metrics/traffic.hpp"
#include "admin/metrics/workers.hpp"

namespace switchback::metrics {

Scrape::Scrape(const worker::DataPlane& plane, const release::Controller& controller,
               const AdminCounts& admin, const config::Metrics& shown, Moved* moved)
    : plane_(plane), controller_(controller), admin_(admin), shown_(shown), out_(moved) {}

Scrape::~Scrape() = default;

// Counters are looked up anew for each part: a reload ends what a view of them points to.
bool Scrape::step() {
  switch (part_++) {
    case 0:
      requests(out_, plane_.stats());
      return true;
    case 1:
      tunnels(out_, plane_.stats());
      paused_requests(out_, plane_.stats());
      return true;
    case 2:
      histograms(out_, plane_.stats(), shown_.histograms);
      return true;
    case 3:
      views_ = views_of(plane_);
      return true;
    case 4:
      services(out_, views_, controller_);
      return true;
    case 5:
      if (shown_.servers) servers(out_, views_);
      return true;
    case 6:
      flips(out_, views_, controller_, admin_);
      return true;
    case 7:
      mirror_metrics(out_, plane_, shown_.histograms);
      return true;
    default:
      break;
  }
  names(out_, plane_.names());
  workers(out_, plane_.stats());
  tls_handshakes(out_, plane_.stats());
  people(out_, admin_.people);
  admin_plane(out_, admin_);
  process(out_);
  return false;
}

std::string prometheus_text(const worker::DataPlane& plane, const release::Controller& controller,
                            const AdminCounts& admin, const config::Metrics& shown, Moved* moved) {
  Scrape scrape(plane, controller, admin, shown, moved);
  while (scrape.step()) {
  }
  return scrape.take();
}

}  // namespace switchback::metrics
