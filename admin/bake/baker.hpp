// The bake windows of all services: watches a release after its promote, warns, advises or goes
// back, and remembers what came of it; after the window it watches the error budget.
//
// Threads: the control thread. Lifetime: after the controller, the releases and the verifier, and
// ended before them. An automatic rollback takes the same road as a person's
// (Controller::rollback), and is only ordered when every guard is met (guards.hpp).
// A restart goes on with the window by the wall clock; what the traffic had proved until then is
// lost and is gathered anew.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/bake/burn.hpp"
#include "admin/bake/record.hpp"
#include "admin/bake/watch.hpp"
#include "admin/events/events.hpp"
#include "admin/ledger/ledger.hpp"
#include "admin/releases/releases.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::bake {

// What waiting costs: of the active color's traffic, against the service's objective.
struct Cost {
  double objective = 0.999;
  double bad_per_second = 0, requests_per_second = 0;  // last 10 s
  double burn_5m = 0, burn_1h = 0;                     // times what the objective allows
  double budget_per_hour = 0;  // share of 30 days' budget, by the last 5 min
};

struct View {
  Record record;  // the newest watch of the service
  bool open = false;
  std::vector<Guard> guards;  // of the newest second that was judged
};

class Baker {
 public:
  Baker(boost::asio::io_context& io, worker::DataPlane& plane, release::Controller& controller,
        events::Events& events, releases::Releases& releases, verify::Verifier& verifier,
        ledger::Ledger& ledger, const config::Config& config);
  ~Baker();
  Baker(const Baker&) = delete;

  void configure(const config::Config& config);                // one that was adopted
  std::optional<View> view(const std::string& service) const;  // nullopt: never watched
  Audit audit(const std::string& service) const;               // "": all services
  Cost cost(const std::string& service) const;

 private:
  struct Rules {
    config::Bake bake;
    bool judged = false;  // it has streams or paired probes, so a watch can say something
  };
  struct Lane {
    std::optional<Watch> watch;
    Record record;
    std::string last_flip;                // the newest that was looked at
    std::vector<release::Receipt> moves;  // what the guards need of the history, as of that flip
    Nanos until_ns = 0;     // the window's end: the wall clock may jump, the window must not
    double rps_before = 0;  // of the color that had the traffic before this one
    std::unique_ptr<BurnRate> burn;
    double objective = 0;                 // that it counts against
    std::uint64_t requests = 0, bad = 0;  // of the active color, as last read
    Color counted = Color::blue;
    bool counting = false;
    struct Second {
      std::uint64_t requests = 0, bad = 0;
    };
    std::array<Second, 10> seconds{};
    std::size_t second = 0, filled = 0;
    // Mean of a second, over the last ten or as many as this color has had.
    double mean(std::uint64_t Second::*what) const {
      double sum = 0;
      for (const auto& one : seconds) sum += static_cast<double>(one.*what);
      return filled == 0 ? 0 : sum / static_cast<double>(filled);
    }
    double rate() const { return mean(&Second::requests); }
    BurnRate::Page page = BurnRate::Page::none;
  };

  void tick();
  void arm();
  void look_for_switch(const std::string& service, Lane& lane);
  void open(const std::string& service, Lane& lane, const release::Receipt& newest);
  void adopt(const std::vector<ledger::Row>& rows);
  void forget(const std::string& service);
  void step(const std::string& service, Lane& lane);
  void act(const std::string& service, Lane& lane, Step step);
  void go_back(const std::string& service, Lane& lane);
  void count(const std::string& service, Lane& lane);
  void page(const std::string& service, Lane& lane, std::int64_t minute);
  void keep(Lane& lane);
  void tell(events::BakeStep step, const Lane& lane, const std::string& text);
  Situation situation(const std::string& service, const Lane& lane) const;
  const Rules& rules(const std::string& service) const;

  worker::DataPlane& plane_;
  release::Controller& controller_;
  events::Stream& stream_;
  events::Alarms& alarms_;
  releases::Releases& releases_;
  verify::Verifier& verifier_;
  ledger::Ledger& ledger_;
  boost::asio::steady_timer timer_;
  std::map<std::string, Rules> rules_;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, Record> records_;  // by flip; bounded, newest kept
  std::uint64_t subscription_ = 0;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace switchback::bake
