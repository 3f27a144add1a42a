// Where the functions of a C++ file are and how long they are, by matching braces.
#pragma once

#include <string>
#include <vector>

namespace switchback::tidy {

struct Function {
  std::string head;        // signature, white space folded
  std::size_t line = 0;    // of the head's first line
  std::size_t length = 0;  // lines, from the head to the closing brace
};

struct Functions {
  std::vector<Function> found;  // outermost bodies: a lambda belongs to the function around it
  bool balanced = true;         // false: braces do not match, so nothing here can be trusted
};

// Functions, methods, TEST_CASEs and lambdas that initialise a name at namespace scope.
Functions functions_of(const std::string& cpp_text);

}  // namespace switchback::tidy
