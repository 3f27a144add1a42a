// Where the tests find what they need: the source tree, and the program that was built from it.
// Only places.cpp is compiled with those paths, so that every other object file of the tests is the
// same in each clone and each build folder, and the compiler cache serves them all.
#pragma once

#include <string>
#include <string_view>

namespace switchback::test {

std::string in_source(std::string_view path);  // "tests/unit/..." under the source folder
std::string switchback_program();              // the built `switchback`

}  // namespace switchback::test
