// Which programs our tests and scripts start, and which Debian packages have them. A machine that
// has a program by chance hides that nobody asked for it; this reads the sources instead.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/shell.hpp"
#include "tests/tidy/source_tree.hpp"

namespace switchback::tidy {

struct Starts {
  std::vector<Start> found;
  std::vector<std::string> unclear;  // "path:line: why": a start whose program cannot be read
};

// Scripts: every command (shell), what subprocess and shutil.which are given (Python). C++ under
// tests/: what `run` and `Process` of tests/support/process.hpp are given, directly or as a vector,
// and the programs of hooks. A line "starts: NAME NAME" in a comment says what else is started.
Starts starts_of(const File& file);

// tests/tidy/programs.txt: "PACKAGE: PROGRAM PROGRAM…", '#' begins a comment. Two packages are
// none: "essential" is on every Debian, "optional" is what a script does without where it is not
// there.
class Packages {
 public:
  explicit Packages(const std::string& text);
  // "": nobody knows
  std::string of(const std::string& program) const;

 private:
  std::map<std::string, std::string> package_;
};

// The lines of needs() in `dev`: set → packages.
using Needs = std::map<std::string, std::set<std::string>>;
Needs needs_of(const std::string& dev);

// Every program of the file whose package no set that the file may rely on has: bench/ relies on
// "bench", tests/bare/ on "bare" (but its demo runs inside and is a test), tests/fuzz/ on "fuzz",
// all of tests/ on every set but those three and "lint"; `dev` on any set, since each of its
// commands names its own. All rely on "build".
std::vector<std::string> programs_not_named(const File& file, const Packages& packages,
                                            const Needs& needs);

}  // namespace switchback::tidy
