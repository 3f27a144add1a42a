// The API's description for machines and people (OpenAPI 3.1), as served at /v1/openapi.json. A
// test checks that it describes every route of the table, and nothing else.
#pragma once

#include <string_view>

namespace switchback::api {

std::string_view openapi_json();

}  // namespace switchback::api
