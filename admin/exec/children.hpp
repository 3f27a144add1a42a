// The child processes of this process: programs that somebody waits for, and, as PID 1 of a
// container, orphans that nobody does.
//
// A process that is PID 1 or a subreaper inherits what its descendants leave behind, and the dead
// among them stay until it asks for their status. Threads: any. Whoever reaps takes no status from
// whoever waits: that of a known child is kept for it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

namespace switchback::exec {

// Starts a child by `start` (its pid, or 0) and knows it before it can have ended.
pid_t start_child(const std::function<pid_t()>& start);

enum class Wait : unsigned char { running, ended, lost };
// Does not block. `ended` sets `status`, as of waitpid, and the child is forgotten; `lost`: there
// is no such child.
Wait poll_child(pid_t pid, int& status);

// Takes the status of every child that has ended; the number of those nobody waits for.
unsigned reap_orphans();

// Orphans come to this process.
bool inherits_orphans();

}  // namespace switchback::exec
