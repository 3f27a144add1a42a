#include "config/decode.hpp"

#include <algorithm>

#include "config/address.hpp"
#include "config/dates.hpp"
#include "config/suggest.hpp"
#include "config/units.hpp"

namespace switchback::config {

namespace {

constexpr std::uint64_t max_value = 1'000'000'000;  // of counts without a bound of their own

// A parsed number within the field's bounds, or a fault that names them.
template <typename T>
bool within_bounds(Reading& reading, const Node& node, const Field& field, T value) {
  const auto number = static_cast<std::int64_t>(value);
  const std::int64_t most = field.max > 0 ? field.max : static_cast<std::int64_t>(max_value);
  const bool sized = field.type == "size" && field.max == 0;
  if (number >= field.min && (sized || number <= most)) return true;
  reading.fault(node, reading.path() + ": " + in_quotes(node.text) + " is out of bounds",
                "allowed: " + allowed_of(field));
  return false;
}

template <typename T>
std::optional<T> accept(Reading& reading, const Node& node, Parsed<T> parsed) {
  if (auto* fault = std::get_if<Fault>(&parsed)) {
    reading.fault(node, reading.path() + ": " + fault->message, std::move(fault->hint));
    return std::nullopt;
  }
  return std::move(std::get<T>(parsed));
}

}  // namespace

template <>
std::vector<Choice<InitialColor>> choices_of() {
  return {{"blue", InitialColor::blue}, {"green", InitialColor::green}};
}
template <>
std::vector<Choice<BalancePolicy>> choices_of() {
  return {{"least_requests", BalancePolicy::least_requests},
          {"round_robin", BalancePolicy::round_robin}};
}
template <>
std::vector<Choice<Role>> choices_of() {
  return {{"read", Role::read},
          {"operate", Role::operate},
          {"deploy", Role::deploy},
          {"admin", Role::admin}};
}
template <>
std::vector<Choice<AccessFormat>> choices_of() {
  return {{"off", AccessFormat::off}, {"text", AccessFormat::text}, {"json", AccessFormat::json}};
}
template <>
std::vector<Choice<LogLevel>> choices_of() {
  return {{"trace", LogLevel::trace},
          {"debug", LogLevel::debug},
          {"info", LogLevel::info},
          {"warn", LogLevel::warn},
          {"error", LogLevel::error}};
}
template <>
std::vector<Choice<TlsVersion>> choices_of() {
  return {{"1.2", TlsVersion::v1_2}, {"1.3", TlsVersion::v1_3}};
}
template <>
std::vector<Choice<ClientCertificate>> choices_of() {
  return {{"request", ClientCertificate::request}, {"require", ClientCertificate::require}};
}
template <>
std::vector<Choice<Protocol>> choices_of() {
  return {{"http/1.1", Protocol::http_1_1}};
}
template <>
std::vector<Choice<Trace>> choices_of() {
  return {{"pass", Trace::pass}, {"begin", Trace::begin}};
}
template <>
std::vector<Choice<Answers>> choices_of() {
  return {{"lenient", Answers::lenient}, {"strict", Answers::strict}};
}
template <>
std::vector<Choice<Utf8Targets>> choices_of() {
  return {{"encode", Utf8Targets::encode}, {"refuse", Utf8Targets::refuse}};
}
template <>
std::vector<Choice<ClientGone>> choices_of() {
  return {{"cancel", ClientGone::cancel}, {"finish", ClientGone::finish}};
}
template <>
std::vector<Choice<MetricsHistograms>> choices_of() {
  return {{"full", MetricsHistograms::full},
          {"coarse", MetricsHistograms::coarse},
          {"off", MetricsHistograms::off}};
}
template <>
std::vector<Choice<DnsFamily>> choices_of() {
  return {{"both", DnsFamily::both}, {"ipv4", DnsFamily::ipv4}, {"ipv6", DnsFamily::ipv6}};
}
template <>
std::vector<Choice<ProxyHeader>> choices_of() {
  return {{"off", ProxyHeader::off}, {"v1", ProxyHeader::v1}, {"v2", ProxyHeader::v2}};
}

std::optional<std::string> scalar_text(Reading& reading, const Node& node,
                                       std::string_view expected) {
  if (node.kind == NodeKind::scalar) return node.text;
  const bool bracket =
      node.kind == NodeKind::sequence && expected.find("address") != std::string_view::npos;
  reading.wrong_type(node, expected, bracket ? "an address that begins with [ needs quotes" : "");
  return std::nullopt;
}

void wrong_choice(Reading& reading, const Node& node, const std::vector<std::string_view>& names) {
  const std::string near = nearest_name(node.text, names);
  reading.fault(node,
                reading.path() + ": " + in_quotes(node.text) + " is not one of " + one_of(names),
                near.empty() ? "" : "did you mean " + near + "?");
}

bool is_later_protocol(Reading& reading, const Node& node) {
  if (node.text != "h2") return false;
  reading.fault(node, reading.path() + ": h2 is not built yet in this release", "leave it out");
  return true;
}

void read_value(Reading& reading, const Node& node, Duration& out, const Field& field) {
  const auto text = scalar_text(reading, node, "a duration");
  if (!text) return;
  const auto value = accept(reading, node, parse_duration(*text));
  if (value && within_bounds(reading, node, field, value->count())) out = *value;
}

void read_value(Reading& reading, const Node& node, std::uint64_t& out, const Field& field) {
  const auto text = scalar_text(reading, node, "a size");
  if (!text) return;
  const auto value = accept(reading, node, parse_size(*text));
  if (value && within_bounds(reading, node, field, *value)) out = *value;
}

void read_value(Reading& reading, const Node& node, unsigned& out, const Field& field) {
  const auto text = scalar_text(reading, node, "a whole number");
  if (!text) return;
  if (!node.plain) {
    return reading.fault(
        node, reading.path() + ": expected a whole number, found the text " + in_quotes(*text),
        "leave out the quotes");
  }
  const auto value = accept(reading, node, parse_count(*text));
  if (value && within_bounds(reading, node, field, *value)) out = static_cast<unsigned>(*value);
}

void read_value(Reading& reading, const Node& node, bool& out, const Field&) {
  const auto text = scalar_text(reading, node, "true or false");
  if (!text) return;
  if (node.plain && (*text == "true" || *text == "false")) {
    out = *text == "true";
    return;
  }
  reading.fault(node, reading.path() + ": expected true or false, found " + in_quotes(*text),
                "write true or false, without quotes");
}

void read_value(Reading& reading, const Node& node, std::string& out, const Field& field) {
  auto text = scalar_text(reading, node, "text");
  if (!text) return;
  const auto digits = [](char c) { return c >= '0' && c <= '9'; };
  const bool could_be_number = node.plain && text->size() < 20;  // a hash of digits is none
  if (could_be_number && looks_octal(*text) && std::all_of(text->begin(), text->end(), digits)) {
    return reading.fault(node,
                         reading.path() + ": " + in_quotes(*text) + " looks like an octal number",
                         "put it between quotes if it is text");
  }
  const TextRule* rule = field.text;
  if (rule && text->size() > rule->max_bytes) {
    return reading.fault(node, reading.path() + ": " + in_quotes(*text) + " is longer than " +
                                   std::to_string(rule->max_bytes) + " bytes");
  }
  if (rule && rule->lower) {
    for (char& c : *text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  if (rule && rule->check) {
    if (auto fault = rule->check(*text)) {
      return reading.fault(node, reading.path() + ": " + fault->message, std::move(fault->hint));
    }
  }
  out = std::move(*text);
}

void read_value(Reading& reading, const Node& node, Address& out, const Field& field) {
  const auto text = scalar_text(reading, node, "an address");
  if (!text) return;
  const AddressUse use = field.section == "server" || field.section == "pool" ? AddressUse::connect
                                                                              : AddressUse::listen;
  if (auto value = accept(reading, node, parse_address(*text, use))) out = std::move(*value);
}

void read_value(Reading& reading, const Node& node, std::optional<Address>& out,
                const Field& field) {
  Address address;
  read_value(reading, node, address, field);
  if (!address.text.empty()) out = std::move(address);
}

void read_value(Reading& reading, const Node& node, Network& out, const Field&) {
  const auto text = scalar_text(reading, node, "a network");
  if (!text) return;
  if (auto value = accept(reading, node, parse_network(*text))) out = std::move(*value);
}

void read_value(Reading& reading, const Node& node, Server& out, const Field& field) {
  if (node.kind == NodeKind::mapping) return reading.mapping(node, "server", &out);
  read_value(reading, node, out.address, field);
}

void read_value(Reading& reading, const Node& node, Instant& out, const Field&) {
  const auto text = scalar_text(reading, node, "a date");
  if (!text) return;
  auto parsed = parse_instant(*text);
  if (auto* fault = std::get_if<Fault>(&parsed)) return reading.fault(node, std::move(*fault));
  out = std::move(std::get<Instant>(parsed));
}

Shown show_value(Duration value) {
  return {format_duration(value)};
}
Shown show_value(std::uint64_t value) {
  return {format_size(value)};
}
Shown show_value(unsigned value) {
  return {std::to_string(value)};
}
Shown show_value(bool value) {
  return {value ? "true" : "false"};
}
Shown show_value(const Certificate& value) {
  return {value.cert};
}
Shown show_value(const std::string& value) {
  return value.empty() ? Shown{} : Shown{value};
}
Shown show_value(const Address& value) {
  return {value.text};
}
Shown show_value(const std::optional<Address>& value) {
  return value ? Shown{value->text} : Shown{};
}
Shown show_value(const Network& value) {
  return {value.text};
}
Shown show_value(const Listener& value) {
  return {value.bind.text};
}
Shown show_value(const Server& value) {
  const std::string weight =
      value.weight == 1 ? "" : " (weight " + std::to_string(value.weight) + ")";
  return {value.address.text + weight};
}
Shown show_value(const AccessRule& value) {
  const std::string who = value.user.empty() ? "group " + value.group : "user " + value.user;
  return {who + " " + choice_text(value.role)};
}
Shown show_value(const Token& value) {
  std::string text =
      value.name + " " + choice_text(value.role) + " sha256:" + value.sha256.substr(0, 8) + "…";
  if (value.expires.wall_us != 0) text += " until " + value.expires.text;
  for (std::size_t i = 0; i < value.services.size(); ++i)
    text += (i == 0 ? " for " : " and ") + value.services[i];
  return {text};
}
Shown show_value(const CertificateRule& value) {
  return {value.name + " " + choice_text(value.role)};
}
Shown show_value(const Instant& value) {
  return value.wall_us == 0 ? Shown{} : Shown{value.text};
}

}  // namespace switchback::config
