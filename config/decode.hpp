// From a YAML node to a value of the model, one overload per type; the field says the bounds.
//
// `read_value` leaves the value as it was when it reports a fault, so that defaults stand.
// `show_value` is the way back, for the reference page and for a reload's differences: one text per
// list element, one text for anything else, none for an empty value.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/fields.hpp"
#include "config/model.hpp"
#include "config/reading.hpp"

namespace switchback::config {

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};
template <typename T>
std::vector<Choice<T>> choices_of();  // in the order in which the reference page names them
template <>
std::vector<Choice<InitialColor>> choices_of();
template <>
std::vector<Choice<BalancePolicy>> choices_of();
template <>
std::vector<Choice<Role>> choices_of();
template <>
std::vector<Choice<AccessFormat>> choices_of();
template <>
std::vector<Choice<LogLevel>> choices_of();
template <>
std::vector<Choice<TlsVersion>> choices_of();
template <>
std::vector<Choice<ClientCertificate>> choices_of();
template <>
std::vector<Choice<Protocol>> choices_of();
template <>
std::vector<Choice<ProxyHeader>> choices_of();
template <>
std::vector<Choice<Trace>> choices_of();
template <>
std::vector<Choice<Answers>> choices_of();
template <>
std::vector<Choice<Utf8Targets>> choices_of();
template <>
std::vector<Choice<ClientGone>> choices_of();
template <>
std::vector<Choice<MetricsHistograms>> choices_of();
template <>
std::vector<Choice<DnsFamily>> choices_of();
template <>
std::vector<Choice<JsonKind>> choices_of();
template <>
std::vector<Choice<HookMoment>> choices_of();
template <>
std::vector<Choice<BakeMode>> choices_of();

template <typename T>
std::vector<std::string_view> choice_names() {
  std::vector<std::string_view> names;
  for (const auto& choice : choices_of<T>()) names.push_back(choice.name);
  return names;
}

template <typename T>
std::string choice_text(T value) {
  for (const auto& choice : choices_of<T>()) {
    if (choice.value == value) return std::string(choice.name);
  }
  return {};
}

// The text of a scalar; a fault when it is not one, or written without a value.
std::optional<std::string> scalar_text(Reading& reading, const Node& node,
                                       std::string_view expected);
// Reports a name that is none of the choices.
void wrong_choice(Reading& reading, const Node& node, const std::vector<std::string_view>& names);

using Shown = std::vector<std::string>;

void read_value(Reading& reading, const Node& node, Duration& out, const Field& field);
void read_value(Reading& reading, const Node& node, std::uint64_t& out,
                const Field& field);                                                     // bytes
void read_value(Reading& reading, const Node& node, unsigned& out, const Field& field);  // a count
void read_value(Reading& reading, const Node& node, bool& out, const Field& field);
void read_value(Reading& reading, const Node& node, std::string& out, const Field& field);
void read_value(Reading& reading, const Node& node, Address& out, const Field& field);
void read_value(Reading& reading, const Node& node, std::optional<Address>& out,
                const Field& field);
void read_value(Reading& reading, const Node& node, Network& out, const Field& field);
void read_value(Reading& reading, const Node& node, Instant& out, const Field& field);

Shown show_value(Duration value);
Shown show_value(std::uint64_t value);
Shown show_value(unsigned value);
Shown show_value(bool value);
Shown show_value(const std::string& value);
Shown show_value(const Address& value);
Shown show_value(const std::optional<Address>& value);
Shown show_value(const Network& value);
Shown show_value(const Listener& value);
Shown show_value(const Certificate& value);
Shown show_value(const Server& value);
Shown show_value(const AccessRule& value);
Shown show_value(const Token& value);
Shown show_value(const CertificateRule& value);
Shown show_value(const Instant& value);

// Refuses h2 by name until it is built.
bool is_later_protocol(Reading& reading, const Node& node);

template <typename T>
requires std::is_enum_v<T>
void read_value(Reading& reading, const Node& node, T& out, const Field&) {
  const auto text = scalar_text(reading, node, "a word");
  if (!text) return;
  for (const auto& choice : choices_of<T>()) {
    if (choice.name == *text) {
      out = choice.value;
      return;
    }
  }
  if (std::is_same_v<T, Protocol> && is_later_protocol(reading, node)) return;
  wrong_choice(reading, node, choice_names<T>());
}

template <typename T>
requires std::is_enum_v<T> Shown show_value(T value) {
  return {choice_text(value)};
}

// A struct that is a section of its own, as an element of a list.
template <typename T>
requires(std::is_same_v<T, Listener> || std::is_same_v<T, AccessRule> || std::is_same_v<T, Token> ||
         std::is_same_v<T, Certificate> ||
         std::is_same_v<T, CertificateRule>) void read_value(Reading& reading, const Node& node,
                                                             T& out, const Field& field) {
  reading.mapping(node, field.inner, &out);
}
void read_value(Reading& reading, const Node& node, Server& out, const Field& field);

template <typename T>
void read_value(Reading& reading, const Node& node, std::vector<T>& out, const Field& field) {
  if (node.kind == NodeKind::scalar || node.kind == NodeKind::mapping) {
    return reading.wrong_type(node, "a list",
                              "write it between [ and ], or one per line after a dash");
  }
  out.clear();
  out.reserve(node.items.size());
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    Reading::Step step(reading, "[" + std::to_string(i) + "]", *node.items[i]);
    T element{};
    read_value(reading, *node.items[i], element, field);
    out.push_back(std::move(element));
  }
}

template <typename T>
Shown show_value(const std::vector<T>& values) {
  Shown out;
  for (const T& value : values) {
    for (std::string& text : show_value(value)) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace switchback::config
