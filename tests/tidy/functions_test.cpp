// The brace matching that the length rule trusts, tried on what C++ has to offer.
#include "tests/tidy/functions.hpp"

#include "tests/support/catch.hpp"
#include "tests/tidy/source_tree.hpp"

namespace switchback::tidy {
namespace {

std::vector<std::pair<std::size_t, std::size_t>> places(const std::string& text) {
  std::vector<std::pair<std::size_t, std::size_t>> result;  // line, length
  const Functions functions = functions_of(text);
  CHECK(functions.balanced);
  for (const Function& f : functions.found) result.emplace_back(f.line, f.length);
  return result;
}

using Places = std::vector<std::pair<std::size_t, std::size_t>>;

TEST_CASE("a function is counted from its signature to its closing brace") {
  CHECK(places("int f() {\n  return 1;\n}\n") == Places{{1, 3}});
  CHECK(places("\n\nint f(int a,\n      int b)\n{\n}\nint g() { return 2; }\n") ==
        Places{{3, 4}, {7, 1}});
}

TEST_CASE("functions are found in namespaces, classes, structs and after templates") {
  CHECK(places("namespace a::b {\nnamespace {\nvoid f() {\n}\n}\n}\n") == Places{{3, 2}});
  CHECK(places("class X final : public Y<int> {\n public:\n  void f() {\n  }\n private:\n  int "
               "x_;\n};\n") == Places{{3, 2}});
  CHECK(places("template <class T, int N = (1 < 2)>\nstruct X {\n  T f() { return {}; }\n};\n") ==
        Places{{3, 1}});
  CHECK(places("struct alignas(64) X {\n  void f() {\n  }\n};\n") == Places{{2, 2}});
  CHECK(places("extern \"C\" {\nvoid f() {\n}\n}\n") == Places{{2, 2}});
  CHECK(places("template <class T>\n  requires(sizeof(T) > 1)\nvoid f(T) {\n}\n") ==
        Places{{1, 4}});
}

TEST_CASE("a constructor's braced members are not its body") {
  CHECK(places("X::X(int a)\n    : a_{a},\n      b_{1, {2}} {\n  go();\n}\n") == Places{{1, 5}});
  CHECK(places("X::X() : a_(1), b_{2} {}\n") == Places{{1, 1}});
}

TEST_CASE("blocks, lambdas and local classes belong to the function around them") {
  CHECK(places("void f() {\n  if (a) {\n  }\n  auto g = [] {\n    return 1;\n  };\n  struct L {\n  "
               "  int h() { return 1; }\n  };\n}\n") == Places{{1, 10}});
}

TEST_CASE("tables, enums and default arguments are not functions") {
  CHECK(places("enum class E : int { a, b };\nconst int t[] = {\n  1,\n  2,\n};\n").empty());
  CHECK(places("const std::map<int, std::function<void()>> t = {\n  {1, [] { go(); }},\n};\n")
            .empty());
  CHECK(places("void f(X x = {1, 2}, Y y = {});\nint v{3};\n").empty());
  CHECK(places("void f(X x = {1, 2}) {\n}\n") == Places{{1, 2}});
  CHECK(places("template <class T>\nconcept C = requires(T t) { t.f(); };\n").empty());
}

TEST_CASE("a lambda with a name at namespace scope counts, and so do tests and operators") {
  CHECK(places("const auto f = [](int a) {\n  return a;\n};\n") == Places{{1, 3}});
  CHECK(places("TEST_CASE(\"name {\") {\n  CHECK(1);\n}\n") == Places{{1, 3}});
  CHECK(places("X& X::operator=(const X& o) {\n  return *this;\n}\n") == Places{{1, 3}});
  CHECK(places("bool operator==(X a, X b) {\n  return true;\n}\n") == Places{{1, 3}});
}

TEST_CASE("braces in comments, literals and the other branch of an #if do not count") {
  CHECK(places("void f() {\n  // }\n  /* } */\n  g(\"}\", '}', '\\'', \"\\\"}\");\n}\n") ==
        Places{{1, 5}});
  CHECK(places("void f() {\n  g(R\"x(}\n)\" } )x\");\n}\n") == Places{{1, 4}});
  CHECK(places("void f() {\n  int a = 1'000'000; char b = u8'}';\n}\n") == Places{{1, 3}});
  CHECK(places("#if A\nvoid f() {\n#else\nvoid f(int) {\n#endif\n}\n") == Places{{2, 5}});
  CHECK(places("#define M(x) { \\\n  {\nvoid f() {\n}\n") == Places{{3, 2}});
}

TEST_CASE("a file whose braces do not match is said to be unreadable") {
  CHECK_FALSE(functions_of("void f() {\n").balanced);
  CHECK_FALSE(functions_of("namespace a {\n").balanced);
  CHECK_FALSE(functions_of("}\n").balanced);
}

TEST_CASE("includes are read from code, not from comments") {
  const File file =
      make_file("a.cpp", "#include \"a/b.hpp\"\n// #include \"c/d.hpp\"\n# include <e>  // x\n");
  const std::vector<Include> includes = includes_of(file);
  REQUIRE(includes.size() == 2);
  CHECK(includes[0].target == "a/b.hpp");
  CHECK_FALSE(includes[0].angled);
  CHECK(includes[1].target == "e");
  CHECK(includes[1].angled);
  CHECK(includes[1].line == 3);
}

}  // namespace
}  // namespace switchback::tidy
