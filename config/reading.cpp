#include "config/reading.hpp"

#include <algorithm>

#include "config/suggest.hpp"

namespace switchback::config {

Mark Places::at(std::string path) const {
  for (;;) {
    if (const auto found = marks_.find(path); found != marks_.end()) return found->second;
    const auto cut = path.find_last_of(".[");
    if (cut == std::string::npos) return {1, 1};
    path.resize(cut);
  }
}

bool Places::sound(std::string_view path) const {
  // In a file with this many faults a rule over several values has nothing to add.
  if (faulty_.size() > 100) return false;
  const auto inside = [](std::string_view outer, std::string_view inner) {
    if (!inner.starts_with(outer)) return false;
    return outer.empty() || inner.size() == outer.size() || inner[outer.size()] == '.' ||
           inner[outer.size()] == '[';
  };
  return std::none_of(faulty_.begin(), faulty_.end(), [&](const std::string& faulty) {
    return inside(path, faulty) || inside(faulty, path);
  });
}

Reading::Step::Step(Reading& reading, std::string_view part, const Node& at)
    : reading_(reading), before_(reading.path_.size()) {
  if (reading.path_.empty() && part.starts_with('.')) part.remove_prefix(1);
  reading.path_ += part;
  reading.places_.put(reading.path_, at.mark);
}

void Reading::fault(const Node& at, std::string message, std::string hint) {
  places_.put_fault(path_);
  report_.error(at.mark, std::move(message), std::move(hint));
}

void Reading::wrong_type(const Node& at, std::string_view expected, std::string hint) {
  const std::string found =
      at.kind == NodeKind::scalar ? in_quotes(at.text) : std::string(at.kind_name());
  fault(at, here() + ": expected " + std::string(expected) + ", found " + found, std::move(hint));
}

bool Reading::is_mapping(const Node& node, std::string_view what) {
  if (node.kind == NodeKind::mapping || node.kind == NodeKind::null) return true;
  wrong_type(node, what);
  return false;
}

bool Reading::usable_key(const Node& key, Seen& seen) {
  if (key.kind != NodeKind::scalar) {
    fault(key, "a key must be a word, found " + std::string(key.kind_name()));
    return false;
  }
  if (key.text == "<<" && key.plain) {
    fault(key, "merge keys (<<) are not read",
          "name a whole value with an alias, or write the keys out");
    return false;
  }
  const auto [first, fresh] = seen.emplace(key.text, key.mark.line);
  if (fresh) return true;
  fault(key, "doubled key " + in_quotes(key.text),
        "first written in line " + std::to_string(first->second) + "; keep one");
  return false;
}

// Names that a stranger to the file's author chose go into messages; odd ones are shown escaped.
std::string Reading::path_part(const std::string& name) {
  const bool plain = !name.empty() && name.size() <= 63 &&
                     name.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-") == std::string::npos;
  return plain ? name : in_quotes(name);
}

void Reading::mapping(const Node& node, std::string_view section, void* owner) {
  if (!is_mapping(node, "a mapping")) return;
  Seen seen;
  std::vector<std::string> guessed;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Node& key = *node.keys[i];
    if (!usable_key(key, seen)) continue;
    const Field* field = find_field(section, key.text);
    if (!field) {
      guessed.push_back(unknown_key(key, section));
      continue;
    }
    Step step(*this, "." + key.text, key);
    if (field->later) {
      fault(key, path_ + " is not built yet in this release", "leave the key out");
      continue;
    }
    field->read(*this, *node.items[i], owner, *field);
  }
  missing_keys(node, section, guessed);
}

std::string Reading::unknown_key(const Node& key, std::string_view section) {
  std::vector<std::string_view> names;
  for (const Field* field : fields_of(section)) {
    if (!field->later) names.push_back(field->key);
  }
  const std::string message = "unknown key " + in_quotes(key.text) + " in " + here();
  if (const std::string near = nearest_name(key.text, names); !near.empty()) {
    fault(key, message, "did you mean " + near + "?");
    return near;
  }
  // The right name in the wrong place is as common as a slip of the finger.
  const auto& all = all_fields();
  const auto elsewhere = std::find_if(all.begin(), all.end(), [&](const Field& field) {
    return field.key == key.text && !field.later;
  });
  if (elsewhere != all.end()) {
    const std::string place = path_of_section(elsewhere->section);
    fault(key, message,
          std::string(elsewhere->key) + " belongs " +
              (place.empty() ? "at the top of the file" : "into " + place));
    return {};
  }
  fault(key, message, "known here: " + one_of(names));
  return {};
}

void Reading::missing_keys(const Node& node, std::string_view section,
                           const std::vector<std::string>& guessed) {
  for (const Field* field : fields_of(section)) {
    if (!field->required) continue;
    const bool there = std::any_of(node.keys.begin(), node.keys.end(), [&](const NodePtr& key) {
      return key->kind == NodeKind::scalar && key->text == field->key;
    });
    // A slip in the key's name was told already; it is the same fault.
    if (there || std::find(guessed.begin(), guessed.end(), field->key) != guessed.end()) continue;
    const std::string path =
        path_.empty() ? std::string(field->key) : path_ + "." + std::string(field->key);
    std::string hint(field->doc);
    if (hint.ends_with('.')) hint.pop_back();
    places_.put_fault(path);
    report_.error(node.mark, path + " is missing", std::move(hint));
  }
}

}  // namespace switchback::config
