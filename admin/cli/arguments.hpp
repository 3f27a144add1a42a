// What people type before it is parsed: `help COMMAND`, and commands that do not exist.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace switchback::cli {

using Arguments = std::vector<std::string>;  // without the program's own name

// `help flip` is `flip --help`; `help` alone is `--help`.
Arguments with_help_first(Arguments arguments);

// "" or one line: the first word that stands where a command belongs and is none, with the command
// that was probably meant. `app` has all its commands.
std::string unknown_command(const CLI::App& app, const Arguments& arguments);

// Where the configuration is when nobody says so: switchback.yaml in this folder, where there is
// one, else the place of an installed service.
std::string default_config_file();

}  // namespace switchback::cli
