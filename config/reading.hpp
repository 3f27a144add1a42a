// One pass over a parsed file: where the reader is, what it found wrong, and where each value stood
// (for rules that look at several values at once).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/fields.hpp"
#include "config/yaml_tree.hpp"

namespace switchback::config {

// Where the values stood, by path: "services.shop.blue.servers[0]".
class Places {
 public:
  void put(const std::string& path, Mark at) { marks_.emplace(path, at); }
  bool has(const std::string& path) const { return marks_.contains(path); }
  // Of the value, or of the nearest thing around it that stood in the file.
  Mark at(std::string path) const;
  void put_fault(std::string path) { faulty_.push_back(std::move(path)); }
  // No fault was found at the path, in it or around it: a rule may judge what was read there.
  bool sound(std::string_view path) const;

 private:
  std::unordered_map<std::string, Mark> marks_;
  std::vector<std::string> faulty_;
};

class Reading {
 public:
  Reading(Report& report, Places& places, std::string folder)
      : report_(report), places_(places), folder_(std::move(folder)) {}

  void fault(const Node& at, std::string message, std::string hint = {});
  void fault(const Node& at, Fault fault) {
    this->fault(at, std::move(fault.message), std::move(fault.hint));
  }
  // "expected TYPE, found a list"; for text it shows the text.
  void wrong_type(const Node& at, std::string_view expected, std::string hint = {});

  const std::string& path() const { return path_; }
  const std::string& folder() const { return folder_; }  // relative paths begin here

  // Reads the mapping of `section` into `owner` (the section's struct): each key by its field, with
  // unknown, doubled and missing keys refused. An empty value is an empty mapping.
  void mapping(const Node& node, std::string_view section, void* owner);
  // The names of a mapping whose keys the user chooses, doubled ones refused: calls
  // `each(name node, value node)`.
  template <typename Each>
  void named(const Node& node, std::string_view what, Each each) {
    if (!is_mapping(node, what)) return;
    Seen seen;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      if (!usable_key(*node.keys[i], seen)) continue;
      Step step(*this, "." + path_part(node.keys[i]->text), *node.keys[i]);
      each(*node.keys[i], *node.items[i]);
    }
  }

  // One step down the path while it lives.
  class Step {
   public:
    Step(Reading& reading, std::string_view part, const Node& at);
    ~Step() { reading_.path_.resize(before_); }
    Step(const Step&) = delete;

   private:
    Reading& reading_;
    std::size_t before_;
  };

 private:
  using Seen = std::unordered_map<std::string_view, int>;  // key to its line
  bool is_mapping(const Node& node, std::string_view what);
  bool usable_key(const Node& key, Seen& seen);
  static std::string path_part(const std::string& name);
  // Reports it; the key that was probably meant, or "".
  std::string unknown_key(const Node& key, std::string_view section);
  void missing_keys(const Node& node, std::string_view section,
                    const std::vector<std::string>& guessed);
  std::string here() const { return path_.empty() ? "the file" : path_; }

  Report& report_;
  Places& places_;
  std::string folder_;
  std::string path_;
};

}  // namespace switchback::config
