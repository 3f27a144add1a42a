#include "proxy/http/head.hpp"

#include "proxy/http/chars.hpp"
#include "proxy/http/field_names.hpp"

namespace switchback::http {
namespace {

const Field* find_id(std::span<const Field> fields, std::uint64_t present, FieldId id) {
  if (present != 0 && (present & bit_of(id)) == 0) return nullptr;
  for (const Field& field : fields)
    if (field.id == id) return &field;
  return nullptr;
}

}  // namespace

const Field* RequestHead::find(FieldId id) const {
  return find_id(fields, present, id);
}
const Field* ResponseHead::find(FieldId id) const {
  return find_id(fields, present, id);
}

const Field* RequestHead::find(std::string_view lower_case_name) const {
  for (const Field& field : fields)
    if (iequals(field.name(), lower_case_name)) return &field;
  return nullptr;
}

Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::get;
      if (text == "PUT") return Method::put;
      break;
    case 4:
      if (text == "POST") return Method::post;
      if (text == "HEAD") return Method::head;
      break;
    case 5:
      if (text == "PATCH") return Method::patch;
      if (text == "TRACE") return Method::trace;
      break;
    case 6:
      if (text == "DELETE") return Method::delete_;
      break;
    case 7:
      if (text == "OPTIONS") return Method::options;
      if (text == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

FieldId field_id(const char* name, std::size_t size) {
  if (size < names::min_size) return names::short_id(name, size);
  const names::Entry* entry = names::lookup(name, size);
  return entry != nullptr ? entry->id : FieldId::other;
}

std::uint64_t name_bit(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 16777619u;
  return std::uint64_t{1} << (hash >> 26);
}

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

}  // namespace switchback::http
