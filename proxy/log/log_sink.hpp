// Where access records go: stdout, stderr or a file. Writes that never block for long, and that
// never leave half a record behind when the file is changed.
//
// Threads: the log's thread only (open_sink: whoever constructs it).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace switchback::log {

class LogSink {
 public:
  // Throws std::runtime_error with one clear line.
  explicit LogSink(std::string path);
  ~LogSink();
  LogSink(const LogSink&) = delete;

  // Writes as much as the sink takes now. Returns 0 or errno (EAGAIN: nobody reads at the moment).
  // `written` counts the bytes taken, also when an error follows.
  int write(std::string_view bytes, std::size_t& written);

  // Opens the path again; "" or what failed (the old descriptor stays). Streams do nothing.
  std::string reopen();
  int fd() const { return fd_; }

 private:
  enum class Kind { file, socket, other };
  void adopt(int fd);
  void open_stream(int fd);
  long write_some(std::string_view bytes);

  std::string path_;
  bool is_stream_ = false;  // stdout or stderr
  int fd_ = -1;
  bool non_blocking_ = false;
  Kind kind_ = Kind::other;
};

}  // namespace switchback::log
