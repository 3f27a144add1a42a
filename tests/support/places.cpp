#include "tests/support/places.hpp"

namespace switchback::test {

std::string in_source(std::string_view path) {
  return path.empty() ? SWITCHBACK_SOURCE_DIR : SWITCHBACK_SOURCE_DIR "/" + std::string(path);
}

std::string switchback_program() {
  return SWITCHBACK_PROGRAM;
}

}  // namespace switchback::test
