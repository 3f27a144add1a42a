// The little that `serve` asks of the operating system.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace switchback::cli {

// Raises the soft limit of open files to the hard one: a proxy's connections are descriptors.
// Returns the limit now in force.
unsigned long raise_descriptor_limit();

// Tells the service manager ("READY=1", "STOPPING=1", "STATUS=…") over the datagram socket that
// NOTIFY_SOCKET names; nothing without it. "" or what failed, which nobody need act upon.
std::string notify_manager(std::string_view state);

// What tells the manager that a reload begins: with the time, as Type=notify-reload wants it.
std::string reloading_state();

// How often the service manager wants to hear WATCHDOG=1 (WATCHDOG_USEC, for the process
// WATCHDOG_PID); none: it does not watch us.
std::optional<std::chrono::microseconds> watchdog_period();

}  // namespace switchback::cli
