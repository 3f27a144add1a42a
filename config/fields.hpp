// The one field table: every key of switchback.yaml, what it takes, its bounds and what it means.
//
// Reading the file, refusing unknown keys, telling a reload's differences and writing the reference
// page all go over this table; defaults are shown from model.hpp's initialisers.
//
// A field lies in a section, which is one kind of mapping ("timeouts", "service", …; "" is the file
// itself). Each section belongs to one struct of the model; `read`, `show`, `same` and `below` take
// a pointer to that struct. Threads: constant after start-up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/yaml_tree.hpp"

namespace switchback::config {

class Reading;
struct Field;

// What a text may look like, for values that are neither number nor choice.
struct TextRule {
  std::string_view allowed;  // for the reference page
  std::size_t max_bytes = 255;
  bool lower = false;  // folded to lower case when read
  std::optional<Fault> (*check)(std::string_view) = nullptr;
};

struct Field {
  std::string_view section, key;
  std::string_view type;          // for people: "duration", "list of addresses"
  std::string_view doc;           // one sentence, or few
  std::string_view inner = {};    // the section of the mapping (or of the list's mappings) below
  std::string_view restart = {};  // why a reload cannot change it; empty: it can
  std::string_view unset = {};    // what an empty default means, for the reference page
  std::string_view allowed = {};  // bounds in words, where numbers or choices do not say it
  bool required = false;
  bool optional = false;          // a mapping that may be absent: `same` compares whether it is
  bool later = false;             // a name kept for a later release: refused, but not as a typo
  std::int64_t min = 0, max = 0;  // ms, bytes or a count; max 0: no bound
  const TextRule* text = nullptr;

  void (*read)(Reading&, const Node&, void* owner, const Field&) = nullptr;
  std::vector<std::string> (*show)(const void* owner) = nullptr;
  bool (*same)(const void* a, const void* b) = nullptr;
  // The struct of the section below, where it is one plain member.
  const void* (*below)(const void* owner) = nullptr;
};

const std::vector<Field>& all_fields();
std::vector<const Field*> fields_of(std::string_view section);
const Field* find_field(std::string_view section, std::string_view key);
// "timeouts" -> "services.NAME.timeouts": where a section stands in the file.
std::string path_of_section(std::string_view section);
// Bounds in words: "0 to 24h", "blue or green".
std::string allowed_of(const Field& field);

}  // namespace switchback::config
