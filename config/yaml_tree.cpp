#include "config/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

namespace switchback::config {

namespace {

Mark mark_of(const YAML::Mark& mark) {
  return mark.is_null() ? Mark{1, 1} : Mark{mark.line + 1, mark.column + 1};
}

// Ends the parse from inside an event: what follows would not be worth reading.
struct Stop {
  Mark at;
  std::string message, hint;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto node = std::make_shared<Node>();
    node->mark = mark_of(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Stop{mark_of(mark), "this alias stands inside the value that it names",
                 "write the value out"};
    }
    add_child(found->second, mark_of(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = std::make_shared<Node>();
    node->kind = NodeKind::scalar;
    node->mark = mark_of(mark);
    node->plain = tag == "?" || tag.empty();
    if (!node->plain) refuse_tag(tag, node->mark);
    node->text = value;
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(NodeKind::sequence, mark_of(mark), tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(NodeKind::mapping, mark_of(mark), tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor;
    bool value_next = false;  // in a mapping: the key is there, its value comes
  };

  static void refuse_tag(const std::string& tag, Mark at) {
    if (tag == "!" || tag == "?" || tag.empty()) return;  // "!": quoted, says yaml-cpp
    throw Stop{at, "the tag " + in_quotes(tag) + " has no meaning here", "leave it out"};
  }

  void open(NodeKind kind, Mark at, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(tag, at);
    if (open_.size() >= max_depth) {
      throw Stop{at, "nested more than " + std::to_string(max_depth) + " levels deep", ""};
    }
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mark = at;
    open_.push_back({std::move(node), anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  void add(std::shared_ptr<Node> node, YAML::anchor_t anchor) {
    const Mark at = node->mark;
    NodePtr finished = std::move(node);
    if (anchor != 0) anchors_[anchor] = finished;
    add_child(std::move(finished), at);
  }

  void add_child(NodePtr child, Mark at) {
    if (open_.empty()) {
      root_ = std::move(child);
      return;
    }
    Open& parent = open_.back();
    parent.node->weight += child->weight;
    parent.node->height = std::max(parent.node->height, child->height + 1);
    if (parent.node->weight > max_nodes) {
      throw Stop{at,
                 "more than " + std::to_string(max_nodes) + " values, counting what aliases repeat",
                 ""};
    }
    if (parent.node->height + open_.size() - 1 > max_depth + 1) {
      throw Stop{at, "nested more than " + std::to_string(max_depth) + " levels deep", ""};
    }
    if (parent.node->kind == NodeKind::sequence) {
      parent.node->items.push_back(std::move(child));
      return;
    }
    (parent.value_next ? parent.node->items : parent.node->keys).push_back(std::move(child));
    parent.value_next = !parent.value_next;
  }

  NodePtr root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
};

NodePtr empty_document() {
  auto node = std::make_shared<Node>();
  node->mark = {1, 1};
  return node;
}

// Bytes of the UTF-8 sequence that begins at `i`; 0 when it is none.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  const unsigned first = byte(i);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(i + 1) < 0xa0) return 0;  // overlong
  if (first == 0xed && byte(i + 1) > 0x9f) return 0;  // surrogate
  if (first == 0xf0 && byte(i + 1) < 0x90) return 0;
  if (first == 0xf4 && byte(i + 1) > 0x8f) return 0;
  return length;
}

// yaml-cpp guesses an encoding and mends broken bytes; neither is wanted in a configuration.
bool is_clean_text(std::string_view text, Report& report) {
  Mark at{1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      report.error(at, "this byte is not UTF-8 text", "save the file as UTF-8");
      return false;
    }
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
      report.error(at, "a control character does not belong here", "");
      return false;
    }
    if (c == '\n') at = {at.line + 1, 0};
    ++at.column;
    i += length;
  }
  return true;
}

// Whether line `line` (from 0) begins with a tab among its blanks.
bool indented_with_tab(std::string_view text, int line) {
  for (; line > 0; --line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  const auto first = text.find_first_not_of(' ');
  return first != std::string_view::npos && text[first] == '\t';
}

// yaml-cpp's wording is for programmers; the common ones are said plainly.
Fault syntax_fault(const YAML::Exception& fault, std::string_view text) {
  if (!fault.mark.is_null() && indented_with_tab(text, fault.mark.line)) {
    return {"not valid YAML: a tab indents this line", "indent with spaces"};
  }
  const std::string& message = fault.msg;
  if (message.starts_with("end of map") || message.starts_with("end of sequence")) {
    const char* what = message.starts_with("end of map") ? "mapping" : "list";
    return {std::string("not valid YAML: this ") + what + " does not end as it should",
            "is a line indented differently, or a bracket or quote before it not closed?"};
  }
  if (message.starts_with("illegal map value")) {
    return {"not valid YAML: a mapping cannot begin here", "quote a text that has a colon in it"};
  }
  if (message.starts_with("the referenced anchor is not defined")) {
    return {"this alias names nothing that stands before it", "write the value out"};
  }
  return {"not valid YAML: " + message, ""};
}

}  // namespace

std::string_view Node::kind_name() const {
  switch (kind) {
    case NodeKind::null:
      return "nothing";
    case NodeKind::scalar:
      return "text";
    case NodeKind::sequence:
      return "a list";
    case NodeKind::mapping:
      return "a mapping";
  }
  return "nothing";
}

NodePtr parse_yaml(std::string_view text, Report& report) {
  if (text.size() > max_file_bytes) {
    report.error({}, "the file is larger than 1 MiB", "");
    return nullptr;
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (!is_clean_text(text, report)) return nullptr;
  std::istringstream stream{std::string(text)};
  TreeBuilder builder;
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return empty_document();
    const NodePtr root = builder.root();
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      report.error(second.root() ? second.root()->mark : Mark{},
                   "a second document begins in the file", "keep one, without ---");
      return nullptr;
    }
    return root ? root : empty_document();
  } catch (const Stop& stop) {
    report.error(stop.at, stop.message, stop.hint);
  } catch (const YAML::Exception& fault) {
    Fault told = syntax_fault(fault, text);
    report.error(mark_of(fault.mark), std::move(told.message), std::move(told.hint));
  }
  return nullptr;
}

}  // namespace switchback::config
