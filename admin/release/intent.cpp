#include "admin/release/intent.hpp"

#include <boost/json.hpp>

#include "admin/events/receipt_json.hpp"

namespace switchback::release {
namespace json = boost::json;
namespace {

constexpr std::size_t most_reason = 1000;

std::string member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

}  // namespace

std::string to_text(const Intent& intent) {
  const Receipt& r = intent.receipt;
  Receipt small = r;
  if (small.reason.size() > most_reason) small.reason.resize(most_reason);
  small.warnings.clear();
  auto object = events::receipt_object(small);
  object.erase("counts");
  if (!intent.idem_key.empty()) {
    object["idem_key"] = intent.idem_key;
    object["idem_request"] = intent.idem_request;
  }
  return json::serialize(object);
}

std::optional<Intent> intent_from_text(std::string_view marked) {
  if (marked.empty()) return std::nullopt;
  const auto text = marked.substr(1);
  auto receipt = events::receipt_from_json(text);
  if (!receipt) return std::nullopt;
  Intent out{std::move(*receipt), marked.front() == '!', "", ""};
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(text.data(), text.size()), ec);
  if (const auto* object = ec ? nullptr : value.if_object()) {
    out.idem_key = member(*object, "idem_key");
    out.idem_request = member(*object, "idem_request");
  }
  return out;
}

}  // namespace switchback::release
