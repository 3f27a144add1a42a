// The part of the API's description that is about releases, holds, null flips, durations, the bake
// window and readiness.
#pragma once

#include <string>
#include <string_view>

namespace switchback::api {

// `document` with those paths added.
std::string with_releases(std::string_view document);

}  // namespace switchback::api
