#include "admin/cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string_view>

#include "config/suggest.hpp"

namespace switchback::cli {
namespace {

constexpr const char* here = "switchback.yaml";
constexpr const char* installed = "/etc/switchback/switchback.yaml";

// Whether an option as written takes the next word as its value.
bool takes_next_word(const CLI::App& app, const CLI::App& root, const std::string& written) {
  if (written.find('=') != std::string::npos) return false;
  const CLI::Option* option = app.get_option_no_throw(written);
  if (!option) option = root.get_option_no_throw(written);
  return option && option->get_items_expected_max() > 0;
}

std::vector<std::string_view> names_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string_view> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return names;
}

std::string fault_of(const CLI::App& parent, const CLI::App& root, const std::string& word,
                     const std::vector<const CLI::App*>& commands) {
  const bool top = &parent == &root;
  const std::string before = top ? "" : parent.get_name() + " ";
  std::string text = "no command '" + before + word + "'";
  const std::string near = config::nearest_name(word, names_of(commands));
  if (!near.empty()) return text + "; did you mean " + before + near + "?";
  if (top) return text + "; switchback --help lists them all";
  return text + "; " + parent.get_name() + " knows " + config::one_of(names_of(commands));
}

}  // namespace

Arguments with_help_first(Arguments arguments) {
  if (arguments.empty() || arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.push_back("--help");
  return arguments;
}

std::string unknown_command(const CLI::App& app, const Arguments& arguments) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") return {};
    if (word.size() > 1 && word.front() == '-') {
      if (takes_next_word(*at, app, word)) ++i;
      continue;
    }
    const auto commands = at->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty()) return {};  // its own arguments begin here
    const CLI::App* found = nullptr;
    for (const CLI::App* command : commands) {
      if (command->get_name() == word) found = command;
    }
    if (!found) {
      // `bake shop`, `hold shop`: a command with commands of its own may take a service as well.
      const bool command_wanted = at->get_require_subcommand_min() > 0;
      return command_wanted ? fault_of(*at, app, word, commands) : std::string();
    }
    at = found;
  }
  return {};
}

std::string default_config_file() {
  std::error_code error;
  return std::filesystem::exists(here, error) ? here : installed;
}

}  // namespace switchback::cli
