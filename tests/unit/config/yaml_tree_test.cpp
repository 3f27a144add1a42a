#include "config/yaml_tree.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::config;

namespace {

NodePtr good(std::string_view text) {
  Report report("f");
  NodePtr root = parse_yaml(text, report);
  for (const Diagnostic& d : report.take()) FAIL(d.text());
  REQUIRE(root);
  return root;
}

std::string bad(std::string_view text) {
  Report report("f");
  if (parse_yaml(text, report)) return "accepted";
  const auto found = report.take();
  return found.size() == 1 ? found[0].text() : "not one fault";
}

}  // namespace

TEST_CASE("nodes know their place and whether they were quoted") {
  const NodePtr root = good("a: 1\nb:\n  - \"x\"\n  - {c: ~}\n");
  REQUIRE(root->kind == NodeKind::mapping);
  REQUIRE(root->keys.size() == 2);
  CHECK(root->keys[1]->mark.line == 2);
  CHECK(root->items[0]->plain);
  CHECK(root->items[0]->mark.column == 4);
  const Node& list = *root->items[1];
  REQUIRE(list.kind == NodeKind::sequence);
  CHECK(list.items[0]->text == "x");
  CHECK_FALSE(list.items[0]->plain);
  CHECK(list.items[0]->mark.line == 3);
  CHECK(list.items[0]->mark.column == 5);
  CHECK(list.items[1]->items[0]->kind == NodeKind::null);
}

TEST_CASE("doubled keys are all there") {
  const NodePtr root = good("a: 1\na: 2\n");
  REQUIRE(root->keys.size() == 2);
  CHECK(root->items[0]->text == "1");
  CHECK(root->items[1]->text == "2");
}

TEST_CASE("numbers are texts, so that none is read as octal") {
  CHECK(good("0123")->text == "0123");
}

TEST_CASE("an alias is the same node again") {
  const NodePtr root = good("a: &x {k: v}\nb: *x\n");
  CHECK(root->items[0].get() == root->items[1].get());
}

TEST_CASE("an empty file is nothing, with and without a byte order mark and remarks") {
  for (const char* text : {"", "# remark\n", "\xef\xbb\xbf", "---\n", "~"}) {
    INFO(text);
    CHECK(good(text)->kind == NodeKind::null);
  }
}

TEST_CASE("what a stranger could make expensive is refused") {
  std::string wide = "[";
  for (std::size_t i = 0; i < max_nodes + 1; ++i) wide += "x,";
  CHECK_THAT(bad(wide + "]"), ContainsSubstring("more than 100000 values"));
  CHECK_THAT(bad(std::string(max_file_bytes + 1, '#')), ContainsSubstring("larger than 1 MiB"));
  CHECK(good(std::string(max_file_bytes, '#'))->kind == NodeKind::null);
  CHECK(bad(std::string(max_depth, '[') + std::string(max_depth, ']')) == "accepted");
  CHECK_THAT(bad(std::string(max_depth + 1, '[') + std::string(max_depth + 1, ']')),
             ContainsSubstring("levels deep"));
}

TEST_CASE("aliases cannot nest deeper than brackets") {
  std::string text = "- &a0 [x]\n";
  for (int i = 1; i < 40; ++i) {
    text += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  CHECK_THAT(bad(text), ContainsSubstring("levels deep"));
}

TEST_CASE("only clean UTF-8 is text") {
  CHECK(good("a: \"grün\xf0\x9f\x9f\xa2\"")->items[0]->text == "grün\xf0\x9f\x9f\xa2");
  // Broken, overlong, a surrogate, beyond the last code point, cut off, UTF-16.
  for (const char* text :
       {"a: \xff", "a: \xc0\xaf", "a: \xed\xa0\x80", "a: \xf4\x90\x80\x80", "a: \xe2\x82",
        "\xff\xfe"
        "a"}) {
    CHECK_THAT(bad(text), ContainsSubstring("not UTF-8"));
  }
  CHECK_THAT(bad(std::string_view("a: \0", 4)), ContainsSubstring("control character"));
  CHECK(bad("x\ny: \"\x1b\"").starts_with("f:2:5: "));
}
