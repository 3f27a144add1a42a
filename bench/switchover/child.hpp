// A program started for a benchmark: in a process group of its own (so that Ctrl-C ends the
// benchmark, which then ends it in order), and ended with us whatever happens to us.
//
// Threads: one per Child.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace switchback::bench {

struct ChildOptions {
  std::vector<std::string> arguments;    // arguments[0]: a path, or a name to look up in PATH
  std::vector<std::string> environment;  // "NAME=value", added to ours
  std::string output;                    // a file for standard output and error; "": ours
  bool talk = false;                     // standard input and output are pipes; error is ours
};

class Child {
 public:
  explicit Child(ChildOptions options) : options_(std::move(options)) {}
  ~Child();  // SIGTERM, and SIGKILL after 5 s
  Child(const Child&) = delete;

  std::string start();  // "" or one line
  bool running();
  bool say(const std::string& line);  // without newline; false: nobody listens
  // The next line of its output, without newline; nullopt: it ended, or said nothing in time.
  std::optional<std::string> hear(std::chrono::milliseconds limit);

 private:
  [[noreturn]] void become(int input, int output, pid_t parent);
  void end();

  ChildOptions options_;
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::string heard_;
};

}  // namespace switchback::bench
