// Alarms that stand: a code ("ledger_unwritable", "regressed:shop") and a text. Raising one twice
// changes its text; only the first is an event. Threads: the control thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "admin/events/stream.hpp"

namespace switchback::events {

using Alarm = AlarmRaised;

class Alarms {
 public:
  explicit Alarms(Stream& stream) : stream_(stream) {}
  Alarms(const Alarms&) = delete;
  void raise(const std::string& code, const std::string& text);
  void clear(const std::string& code);
  std::vector<Alarm> standing() const;  // by code

 private:
  Stream& stream_;
  std::map<std::string, Alarm> standing_;
};

}  // namespace switchback::events
