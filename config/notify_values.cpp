#include "config/notify_values.hpp"

#include <algorithm>
#include <charconv>

#include "config/suggest.hpp"
#include "config/units.hpp"

namespace switchback::config {

template <>
std::vector<Choice<NotifyKind>> choices_of() {
  return {{"flip", NotifyKind::flip},           {"rollback", NotifyKind::rollback},
          {"verified", NotifyKind::verified},   {"regressed", NotifyKind::regressed},
          {"alarm", NotifyKind::alarm},         {"readiness", NotifyKind::readiness},
          {"hold", NotifyKind::hold},           {"refused", NotifyKind::refused},
          {"bake", NotifyKind::bake},           {"release", NotifyKind::release},
          {"pause", NotifyKind::pause},         {"health", NotifyKind::health},
          {"rehearsal", NotifyKind::rehearsal}, {"reload", NotifyKind::reload},
          {"anchor", NotifyKind::anchor},       {"test", NotifyKind::test}};
}
template <>
std::vector<Choice<NotifyFormat>> choices_of() {
  return {{"slack", NotifyFormat::slack}, {"json", NotifyFormat::json}};
}

namespace {

constexpr std::size_t longest_url = 2048;

std::optional<Fault> check_webhook(std::string_view text) {
  std::string why;
  if (parse_webhook_url(text, why)) return std::nullopt;
  // Addresses of webhooks are secrets: what is wrong is said without showing it.
  return Fault{"it " + why, "for example https://hooks.example.com/services/T000"};
}

bool read_port(std::string_view text, std::uint16_t& port) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  port = static_cast<std::uint16_t>(value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 && value < 65536;
}

}  // namespace

const TextRule webhook_rule{"http:// or https://", longest_url, false, check_webhook};

std::optional<WebhookUrl> parse_webhook_url(std::string_view text, std::string& why) {
  WebhookUrl url;
  url.tls = text.starts_with("https://");
  why = "is no http:// or https:// address";
  if (text.size() > longest_url || (!url.tls && !text.starts_with("http://"))) return std::nullopt;
  const bool odd =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; });
  if (odd) return why = "has a character that must be written as %XX", std::nullopt;
  text.remove_prefix(url.tls ? 8 : 7);
  text = text.substr(0, text.find('#'));
  const auto end = std::min(text.find('/'), text.find('?'));
  std::string_view host = text.substr(0, end);
  url.target = end == std::string_view::npos ? "/" : std::string(text.substr(end));
  if (url.target.front() == '?') url.target.insert(0, "/");
  if (host.find('@') != std::string_view::npos) {
    why = "carries a user or password; those belong into headers_file";
    return std::nullopt;
  }
  url.port = url.tls ? 443 : 80;
  const auto bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  if (host.starts_with('[') && bracket == std::string_view::npos) return std::nullopt;
  const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos && !read_port(host.substr(colon + 1), url.port)) {
    return why = "has no port from 1 to 65535 behind the colon", std::nullopt;
  }
  host = host.substr(0, colon);
  if (bracket != std::string_view::npos) {
    if (host.size() != bracket + 1) return std::nullopt;
    host = host.substr(1, bracket - 1);
  }
  if (host.empty() || host.size() > 253) return std::nullopt;
  url.host = std::string(host);
  why.clear();
  return url;
}

void read_value(Reading& reading, const Node& node, NotifyTarget& out, const Field& field) {
  reading.mapping(node, field.inner, &out);
}

std::vector<std::string> show_value(const NotifyTarget& value) {
  std::string text = value.name + ": ";
  std::string why;
  if (const auto url = parse_webhook_url(value.webhook, why)) {
    text += (url->tls ? "https://" : "http://") + url->host + "/…";
  } else {
    text += value.exec.empty() ? value.webhook_file : value.exec.front();
  }
  text += " " + choice_text(value.format) + " on";
  for (const auto kind : value.on) text += " " + choice_text(kind);
  for (const auto& service : value.services) text += ", " + service;
  text += ", timeout " + format_duration(value.timeout) + ", retries " +
          std::to_string(value.retries) + ", repeat " + format_duration(value.repeat);
  return {text};
}

}  // namespace switchback::config
