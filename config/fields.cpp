#include "config/fields.hpp"

#include "config/units.hpp"

namespace switchback::config {

namespace {

std::string bound(const Field& field, std::int64_t value) {
  if (field.type == "duration") return format_duration(Duration(value));
  if (field.type == "size") return format_size(static_cast<std::uint64_t>(value));
  return std::to_string(value);
}

}  // namespace

std::vector<const Field*> fields_of(std::string_view section) {
  std::vector<const Field*> found;
  for (const Field& field : all_fields()) {
    if (field.section == section) found.push_back(&field);
  }
  return found;
}

const Field* find_field(std::string_view section, std::string_view key) {
  for (const Field& field : all_fields()) {
    if (field.section == section && field.key == key) return &field;
  }
  return nullptr;
}

std::string path_of_section(std::string_view section) {
  if (section.empty()) return {};
  if (section == "pool") return "services.NAME.blue";  // and green, which has the same keys
  for (const Field& field : all_fields()) {
    if (field.inner != section) continue;
    std::string path = path_of_section(field.section);
    if (!path.empty()) path += '.';
    path += field.key;
    if (field.type.starts_with("list")) path += "[]";
    if (field.type == "mapping of names") path += ".NAME";
    return path;
  }
  return std::string(section);
}

std::string allowed_of(const Field& field) {
  if (!field.allowed.empty()) return std::string(field.allowed);
  if (field.text) return std::string(field.text->allowed);
  if (field.max > 0) return bound(field, field.min) + " to " + bound(field, field.max);
  return {};
}

}  // namespace switchback::config
