// A YAML document as a tree that still knows where everything stood and how it was written.
//
// Built from yaml-cpp's events rather than from its nodes: those keep only the first of doubled
// keys, forget whether a scalar was quoted, and copy what an alias names without end.
//
// Ownership: nodes are shared (an alias is the same node again) and never changed after parsing.
// Limits: bytes, nesting and the node count after aliases are followed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"

namespace switchback::config {

inline constexpr std::size_t max_file_bytes = 1024 * 1024;
inline constexpr std::size_t max_nodes = 100'000;
inline constexpr std::size_t max_depth = 32;

struct Node;
using NodePtr = std::shared_ptr<const Node>;

enum class NodeKind : std::uint8_t { null, scalar, sequence, mapping };

struct Node {
  NodeKind kind = NodeKind::null;
  Mark mark;
  std::string text;            // of a scalar
  bool plain = false;          // a scalar without quotes
  std::vector<NodePtr> keys;   // of a mapping, as written: doubled ones are all here
  std::vector<NodePtr> items;  // of a sequence, or the values that belong to keys
  std::size_t weight = 1;      // nodes in it, aliases followed
  std::size_t height = 1;

  // "a list", "a mapping", "text", "nothing": for messages.
  std::string_view kind_name() const;
};

// The document's root; nullptr when it cannot be read (then `report` says why). An empty file gives
// a null node.
NodePtr parse_yaml(std::string_view text, Report& report);

}  // namespace switchback::config
