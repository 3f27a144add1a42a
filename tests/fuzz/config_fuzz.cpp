// Any bytes as a configuration file: never a crash, always either a configuration or a reason, and
// nothing in a message that could play with a terminal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/diff.hpp"
#include "config/yaml_loader.hpp"

namespace {

// libFuzzer keeps the input that ends the process; assert would vanish in a release build.
void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace switchback::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const LoadResult result = load_text(text, "fuzz.yaml");
  bool errors = false;
  int line = 0;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    errors = errors || !diagnostic.warning;
    for (const unsigned char c : diagnostic.text()) must(c >= 0x20 && c != 0x7f);
    // The remark that there are more faults has no line and comes last.
    must(diagnostic.line >= line || diagnostic.line == 0);
    line = diagnostic.line;
  }
  must(errors == !result.config.has_value());
  if (result.config) {
    must(!result.config->listeners.empty() && !result.config->services.empty());
    must(!diff(*result.config, *result.config).any());
  }
  return 0;
}
