#include "admin/events/alarms.hpp"

#include "proxy/base/clock.hpp"

namespace switchback::events {

void Alarms::raise(const std::string& code, const std::string& text) {
  const auto [at, fresh] = standing_.try_emplace(code);
  at->second.code = code;
  at->second.text = text;
  if (!fresh) return;
  at->second.since_wall_us = wall_us();
  stream_.emit(at->second);
}

void Alarms::clear(const std::string& code) {
  if (standing_.erase(code) != 0) stream_.emit(AlarmCleared{code});
}

std::vector<Alarm> Alarms::standing() const {
  std::vector<Alarm> out;
  for (const auto& [code, alarm] : standing_) out.push_back(alarm);
  return out;
}

}  // namespace switchback::events
