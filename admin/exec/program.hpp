// A program of the user's, run to its end or to the end of its time.
//
// Its output goes to /dev/null. It runs in a process group of its own, which is killed when its
// time is over, and also when it has ended: what it left behind ends with it. It begins with
// default signal handling and with the environment of this process behind `environment`. Threads:
// blocks; on a thread that has nothing else to do. Errors are values, one line.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace switchback::exec {

struct Program {
  std::vector<std::string> words;        // the program with its whole path, then its arguments
  std::vector<std::string> environment;  // "SWITCHBACK_FLIP=01J…"
  std::string input;                     // on its stdin, which then ends
  std::chrono::milliseconds timeout{10'000};
};

// "": it ended with 0. `ending`, set by anybody, kills it within 20 ms.
std::string run(Program program, const std::atomic<bool>& ending);

}  // namespace switchback::exec
