// Which programs a shell script starts: the first word of every simple command, wherever it stands.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace switchback::tidy {

struct Start {
  std::size_t line = 0;  // within the text, from 1
  std::string program;   // without its folder
};

// Pipelines, lists, substitutions, subshells, bodies of functions and loops, what `exec`, `env`,
// `xargs` and their like are given, arrays that are run as commands, and the text after `sh -c`.
// Builtins, functions of the same text and programs with a folder of ours are left out; a command
// whose name is only known when it runs (`"$compiler"`) is not found.
std::vector<Start> shell_starts(const std::string& text);

// The name that Debian knows: "ps" for "ps" and "/usr/bin/ps"; "" for "bench/run" or "./dev".
std::string program_name(const std::string& word);

}  // namespace switchback::tidy
