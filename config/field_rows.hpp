// How the rows of the field table are written: `member<&Timeouts::connect>("timeouts", "connect",
// "…").range(0, one_day)`. The member's type decides how it is read, shown and compared.
//
// Included by the tables of fields (field_table*.cpp) only.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "config/decode.hpp"
#include "config/fields.hpp"
#include "config/model.hpp"
#include "config/special_values.hpp"
#include "config/suggest.hpp"
#include "config/text_rules.hpp"

namespace switchback::config {

struct Row : Field {
  Row of_type(std::string_view value) { return set(&Field::type, value); }
  Row holds(std::string_view value) { return set(&Field::inner, value); }
  // As `holds`, where the section below fills members of the same struct.
  Row holds_itself(std::string_view value) {
    below = [](const void* owner) { return owner; };
    return set(&Field::inner, value);
  }
  Row allows(std::string_view value) { return set(&Field::allowed, value); }
  Row or_else(std::string_view value) { return set(&Field::unset, value); }
  Row restart(std::string_view why) { return set(&Field::restart, why); }
  Row required() { return set(&Field::required, true); }
  Row like(const TextRule& rule) { return set(&Field::text, &rule); }
  Row range(std::int64_t low, std::int64_t high) {
    min = low;
    max = high;
    return *this;
  }

 private:
  template <typename T, typename V>
  Row set(T Field::*place, V value) {
    this->*place = value;
    return *this;
  }
};

template <typename T>
struct MemberTraits;
template <typename C, typename T>
struct MemberTraits<T C::*> {
  using Owner = C;
  using Value = T;
};

template <typename T>
constexpr std::string_view type_name() {
  if constexpr (std::is_same_v<T, Duration>) return "duration";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "size";
  if constexpr (std::is_same_v<T, unsigned>) return "number";
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, std::string>) return "text";
  if constexpr (std::is_same_v<T, Address> || std::is_same_v<T, std::optional<Address>>)
    return "address";
  if constexpr (std::is_enum_v<T>) return "word";
  return "";
}

// One member of the section's struct.
template <auto Member>
Row member(std::string_view section, std::string_view key, std::string_view doc) {
  using Owner = typename MemberTraits<decltype(Member)>::Owner;
  using Value = typename MemberTraits<decltype(Member)>::Value;
  Row row{{.section = section, .key = key, .type = type_name<Value>(), .doc = doc}};
  row.read = [](Reading& reading, const Node& node, void* owner, const Field& self) {
    read_value(reading, node, static_cast<Owner*>(owner)->*Member, self);
  };
  row.show = [](const void* owner) {
    return show_value(static_cast<const Owner*>(owner)->*Member);
  };
  row.same = [](const void* a, const void* b) {
    return static_cast<const Owner*>(a)->*Member == static_cast<const Owner*>(b)->*Member;
  };
  return row;
}

// A member that is one of a few words.
template <auto Member>
Row choice(std::string_view section, std::string_view key, std::string_view doc) {
  using Value = typename MemberTraits<decltype(Member)>::Value;
  static const std::string names = one_of(choice_names<Value>());
  return member<Member>(section, key, doc).allows(names);
}

// A member that is a file or a folder.
template <auto Member>
Row path(std::string_view section, std::string_view key, std::string_view doc) {
  using Owner = typename MemberTraits<decltype(Member)>::Owner;
  Row row = member<Member>(section, key, doc).of_type("path");
  row.read = [](Reading& reading, const Node& node, void* owner, const Field& self) {
    read_path(reading, node, static_cast<Owner*>(owner)->*Member, self);
  };
  return row;
}

// A member that is a mapping of its own.
template <auto Member>
Row section(std::string_view outer, std::string_view key, std::string_view doc) {
  using Owner = typename MemberTraits<decltype(Member)>::Owner;
  Row row{{.section = outer, .key = key, .type = "mapping", .doc = doc}};
  row.read = [](Reading& reading, const Node& node, void* owner, const Field& self) {
    reading.mapping(node, self.inner, &(static_cast<Owner*>(owner)->*Member));
  };
  row.below = [](const void* owner) -> const void* {
    return &(static_cast<const Owner*>(owner)->*Member);
  };
  return row;
}

// A member that is a mapping of its own, or not there.
template <auto Member>
Row optional_section(std::string_view outer, std::string_view key, std::string_view doc) {
  using Owner = typename MemberTraits<decltype(Member)>::Owner;
  Row row{{.section = outer, .key = key, .type = "mapping", .doc = doc, .optional = true}};
  row.read = [](Reading& reading, const Node& node, void* owner, const Field& self) {
    reading.mapping(node, self.inner, &(static_cast<Owner*>(owner)->*Member).emplace());
  };
  row.below = [](const void* owner) -> const void* {
    using Value = typename MemberTraits<decltype(Member)>::Value::value_type;
    static const Value defaults{};
    const auto& member = static_cast<const Owner*>(owner)->*Member;
    return member ? &*member : &defaults;
  };
  row.same = [](const void* a, const void* b) {
    return (static_cast<const Owner*>(a)->*Member).has_value() ==
           (static_cast<const Owner*>(b)->*Member).has_value();
  };
  return row;
}

// A value with a reader of its own; it changed when it is shown differently.
template <auto Read, auto Show>
Row custom(std::string_view section, std::string_view key, std::string_view doc) {
  Row row{{.section = section, .key = key, .doc = doc}};
  row.read = Read;
  row.show = Show;
  row.same = [](const void* a, const void* b) { return Show(a) == Show(b); };
  return row;
}

// A name kept for a later release: refused, but not as a slip.
inline Field later(std::string_view section, std::string_view key, std::string_view doc) {
  return {.section = section, .key = key, .doc = doc, .later = true};
}

}  // namespace switchback::config
