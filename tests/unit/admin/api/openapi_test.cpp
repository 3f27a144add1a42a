// The description and the table of routes say the same.
#include "admin/api/openapi.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <functional>
#include <set>

#include "admin/api/routes.hpp"
#include "tests/support/catch.hpp"

namespace switchback {
namespace {

namespace json = boost::json;

json::object document() {
  return json::parse(api::openapi_json()).as_object();
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

TEST_CASE("every route is described, with its role and its query parameters, and nothing else") {
  const auto doc = document();
  const auto& paths = doc.at("paths").as_object();
  const auto& shared = doc.at("components").as_object().at("parameters").as_object();
  std::set<std::string> described, routed;
  for (const auto& path : paths) {
    for (const auto& operation : path.value().as_object()) {
      if (operation.key() != "parameters") {
        described.insert(std::string(operation.key()) + " " + std::string(path.key()));
      }
    }
  }
  for (const auto& route : api::routes()) {
    const std::string name = lower(route.method) + " " + std::string(route.pattern);
    INFO(name);
    routed.insert(name);
    REQUIRE(described.count(name) == 1);
    const auto& operation = paths.at(route.pattern).as_object().at(lower(route.method)).as_object();
    CHECK(operation.at("x-role").as_string() == api::role_name(route.role));
    CHECK(operation.at("responses").as_object().size() >= 1);
    std::set<std::string> query;
    if (const auto* list = operation.if_contains("parameters")) {
      for (const auto& entry : list->as_array()) {
        const auto* parameter = &entry.as_object();
        if (const auto* ref = parameter->if_contains("$ref")) {
          const std::string text(ref->as_string());
          parameter = &shared.at(text.substr(text.rfind('/') + 1)).as_object();
        }
        if (parameter->at("in").as_string() == "query")
          query.insert(std::string(parameter->at("name").as_string()));
      }
    }
    CHECK(query == std::set<std::string>(route.query.begin(), route.query.end()));
  }
  CHECK(described == routed);
}

TEST_CASE("every reference leads somewhere") {
  const auto doc = document();
  std::size_t references = 0;
  std::function<void(const json::value&)> walk = [&](const json::value& value) {
    if (value.is_array()) {
      for (const auto& item : value.get_array()) walk(item);
    } else if (value.is_object()) {
      for (const auto& member : value.get_object()) {
        if (member.key() != "$ref") {
          walk(member.value());
          continue;
        }
        ++references;
        const std::string text(member.value().as_string());
        INFO(text);
        REQUIRE(text.starts_with("#/"));
        boost::system::error_code error;
        json::value(doc).find_pointer(text.substr(1), error);
        CHECK_FALSE(error);
      }
    }
  };
  walk(doc);
  CHECK(references > 20);
}

}  // namespace
}  // namespace switchback
