// A real program as a child: its output line by line, signals, its end. Killed in the destructor.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace switchback::test {

struct ProcessOptions {
  std::vector<std::string> environment;  // "NAME=value", added to ours
  std::string directory;                 // "": ours
  std::vector<int> descriptors;          // become 3, 4, … in the child
};

class Process {
 public:
  // arguments[0] is the program's path (or a name to look up in PATH). Throws when it cannot start.
  explicit Process(std::vector<std::string> arguments, ProcessOptions options = {});
  ~Process();
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;

  pid_t pid() const;
  void signal(int number);
  bool running() const;
  // Exit code, 128 + signal number when killed; nullopt: still running at the deadline. All output
  // has been read by then.
  std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds(30));
  // First line of standard output or error, from the beginning on, that contains `text`.
  std::optional<std::string> wait_for_line(
      const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(30));
  // From now on what it prints is left in its pipes, but for a last piece; they are made as small
  // as the kernel allows and filled, so that its next byte finds no room. Ends with the process.
  void block_output();
  std::string out() const;  // so far
  std::string err() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Finished {
  int code = -1;
  std::string out, err;
};
// Runs to the end; throws when it does not end in time.
Finished run(std::vector<std::string> arguments, ProcessOptions options = {},
             std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace switchback::test
