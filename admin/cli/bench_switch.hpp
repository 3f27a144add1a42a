// What `bench flip` moves: a running switchback, through its admin plane, as the CLI itself does
// (If-Match, an idempotency key per command).
//
// An answer that says "switching" (a worker has not passed the barrier yet) is not taken for one:
// what is promised of requests begun after it is promised only once every worker has passed.
//
// Threads: one.
#pragma once

#include <string>

#include "admin/cli/session.hpp"
#include "bench/switchover/flipper.hpp"

namespace switchback::cli {

class AdminSwitch final : public bench::Switch {
 public:
  // `service`: its view, as the API gives it.
  AdminSwitch(Session& session, const boost::json::object& service);

  bench::SwitchAnswer move(Color to, const std::string& reason) override;
  bench::SwitchAnswer roll_back(const std::string& reason) override;
  bench::ReceiptStages stages(const std::string& flip) override;

 private:
  bench::SwitchAnswer send(const std::string& path, boost::json::object body,
                           const std::string& to);
  void await_barrier(bench::SwitchAnswer& answer);

  Session& session_;
  std::string service_;
  std::uint64_t epoch_;
};

}  // namespace switchback::cli
