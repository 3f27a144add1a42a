// A rollback at full load under a fault: the program, its servers, its clients, and the row of the
// fault table that comes of it.
//
// The course of a case: FaultScene → begin() (load runs, green is active) → the fault →
// roll_back() → what is reported → the fault ends → made_good() → finish().
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "tests/e2e/admin_client.hpp"
#include "tests/e2e/fault_machine.hpp"
#include "tests/e2e/fault_table.hpp"
#include "tests/e2e/storm_load.hpp"
#include "tests/integration/instance.hpp"

namespace switchback::test {

struct FaultOptions {
  InstanceOptions instance;     // servers: where none is named, one of each color
  bool faulty_machine = false;  // FaultMachine under the program
  unsigned crowd = 1;           // times six clients
};

class FaultScene {
 public:
  explicit FaultScene(std::string fault, FaultOptions options = {});

  // Load runs and green was promoted under it, unless it is active already.
  void begin();
  // The rollback, as a bare call: it must move all traffic to blue, and say so.
  void roll_back();
  // For a rollback that goes another way: around the commands, and what the receipt said.
  void expect_any() { storm().set_stage(""); }
  void expect(const std::string& color) { storm().set_stage(color); }
  void flip_on(unsigned times);  // to green and back: the fault meets more than one switch
  void note(const boost::json::object& receipt, double answer_ms);

  std::set<std::string> alarms() const;
  void expect_alarm(const std::string& code);
  void expect_cleared(const std::string& code);
  boost::json::object receipt() const;  // of the rollback, as it is now
  boost::json::object status() const;
  std::size_t unhealthy() const;  // servers that fail their checks
  // The rollback is on disk, its drain is over, the ledger has its row with every stage.
  void made_good(const std::string& also = "");
  // The load went on, nothing failed, nothing went to the wrong side; the row is in the table.
  void finish();

  std::string ledger() const { return disk.file("state/ledger.db"); }
  std::string state_dir() const { return disk.file("state"); }
  Storm& storm() { return *storm_; }

  TempDir disk;  // the state folder is in there
  FaultMachine machine;
  TestServer blue{"blue"}, green{"green"};
  Instance instance;
  FaultRow row;

 private:
  InstanceOptions prepared(FaultOptions options) const;
  const unsigned crowd_;
  Casualties nobody_;
  std::unique_ptr<Doors> doors_;
  std::unique_ptr<Storm> storm_;
  std::string flip_;
};

// As often as the length of the run asks for.
void repeatedly(const std::function<void()>& row);
bool long_run();
double ms_since(Moment begun);

}  // namespace switchback::test
