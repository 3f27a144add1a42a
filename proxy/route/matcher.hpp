// Host and path to service, resolved when the configuration is adopted; a lookup allocates nothing.
//
// Order: exact host, then the longest wildcard ("*.shop.example.com", one or more labels), then
// services without hosts; among equals the longest path_prefix, on segment boundaries ("/api"
// matches "/api" and "/api/x", not "/apix"). No match: the default service, or none.
// The Host's port is ignored; a trailing dot too; case is folded. Percent-encoding is not decoded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "config/model.hpp"

namespace switchback::route {

class Matcher {
 public:
  explicit Matcher(const std::vector<config::Service>& services);
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  // Index into the vector it was built from.
  std::optional<std::uint32_t> find(std::string_view authority,
                                    std::string_view path_and_query) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::route
