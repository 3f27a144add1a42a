// switchback.yaml to Config, or every fault in it at once.
//
// Errors: diagnostics, never exceptions; `config` is absent when there is any error, and present
// with warnings. Environment variables are not filled in. Relative files and folders begin at the
// folder of the configuration file. Threads: any; nothing is shared.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/model.hpp"
#include "config/reading.hpp"

namespace switchback::config {

struct LoadResult {
  std::optional<Config> config;         // absent when there is any error
  std::vector<Diagnostic> diagnostics;  // sorted by place; warnings among them
  Places places;                        // where each value stood, for what is judged later
};

LoadResult load_file(const std::string& path);
LoadResult load_text(std::string_view yaml, const std::string& file_name);

}  // namespace switchback::config
