// How the values of `notify` are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/decode.hpp"
#include "config/fields.hpp"
#include "config/model.hpp"

namespace switchback::config {

template <>
std::vector<Choice<NotifyKind>> choices_of();
template <>
std::vector<Choice<NotifyFormat>> choices_of();

void read_value(Reading& reading, const Node& node, NotifyTarget& out, const Field& field);
// Without what may be secret in an address: its path.
std::vector<std::string> show_value(const NotifyTarget& value);

struct WebhookUrl {
  bool tls = false;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string target;  // path and query, "/" at least
};
// nullopt: no http:// or https:// address without user and password; `why` says what is wrong.
std::optional<WebhookUrl> parse_webhook_url(std::string_view text, std::string& why);

extern const TextRule webhook_rule;

}  // namespace switchback::config
