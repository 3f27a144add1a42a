// What is wrong with a configuration file, and where: one Diagnostic per fault, collected in a
// Report so that a user sees all of them at once.
//
// Ownership: values. Threads: a Report belongs to the thread that loads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace switchback::config {

// A place in the file, counted from 1; line 0 means the file as a whole.
struct Mark {
  int line = 0;
  int column = 0;
};

struct Diagnostic {
  std::string file;
  int line = 0, column = 0;
  std::string message, hint;
  bool warning = false;
  // "FILE:LINE:COL: message (hint)"; warnings say "warning: " before the message; without a line
  // "FILE: message (hint)".
  std::string text() const;
};

// What a reader of one value found wrong with it; the caller knows where it stands.
struct Fault {
  std::string message, hint;
};

// `text` between double quotes, clipped and with unprintable bytes escaped, so that a hostile file
// cannot write control sequences to a terminal.
std::string in_quotes(std::string_view text);

class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}
  void error(Mark at, std::string message, std::string hint = {});
  void warning(Mark at, std::string message, std::string hint = {});
  bool has_errors() const { return errors_ > 0; }
  // Sorted by place, each fault once (an alias shows the same text at several places).
  std::vector<Diagnostic> take();

 private:
  void add(Mark at, std::string message, std::string hint, bool warning);
  std::string file_;
  std::vector<Diagnostic> found_;
  std::size_t errors_ = 0;
  bool cut_ = false;  // more than a person would read; the rest is left out, and said so
};

}  // namespace switchback::config
