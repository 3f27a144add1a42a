// Listening sockets that were opened by whoever started this process: socket activation as
// sd_listen_fds(3) has it, without its library. Descriptors from 3 on, counted by LISTEN_FDS, named
// by LISTEN_FDNAMES, meant for the process LISTEN_PID.
//
// Such a socket is not ours to shut down or to remove: whoever opened it keeps it, and hands it to
// the next process, which finds in its backlog what this one did not accept.
// Threads: one, at the start (the environment is changed). Errors are text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace switchback::net {

class InheritedSockets {
 public:
  InheritedSockets() = default;
  ~InheritedSockets();  // closes what nobody took
  InheritedSockets(InheritedSockets&& other) noexcept : sockets_(std::move(other.sockets_)) {}
  InheritedSockets& operator=(InheritedSockets&& other) noexcept {
    std::swap(sockets_, other.sockets_);
    return *this;
  }

  // Takes over what the variables describe, marks it close-on-exec and removes the variables, so
  // that no child takes it for its own. Nothing for us in them: `out` is empty. Returns "" or what
  // is wrong with the variables.
  static std::string from_environment(InheritedSockets& out, int first_fd = 3);

  std::vector<int> take(std::string_view name);  // all of that name; they are the caller's now
  std::string names() const;                     // of what is not taken yet: "api, web", or ""

 private:
  std::vector<std::pair<std::string, int>> sockets_;  // name and descriptor
};

// Those of this process; open_listener takes from them.
InheritedSockets& inherited_sockets();

// A descriptor that can be accepted from: "" and its address ("127.0.0.1:8080", "unix:/run/a"), or
// what it is instead and how to mend that.
std::string examine_listening(int fd, std::string& local_text);

}  // namespace switchback::net
