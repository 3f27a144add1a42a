// What the views say of services, their servers and names, and what switches have done.
#pragma once

#include <vector>

#include "admin/metrics/collect.hpp"
#include "admin/metrics/exposition.hpp"

namespace switchback::metrics {

using Views = std::vector<worker::ServiceView>;

Views views_of(const worker::DataPlane& plane);

void services(Exposition& out, const Views& views, const release::Controller& controller);
void servers(Exposition& out, const Views& views);
void names(Exposition& out, const std::vector<worker::NameView>& names);
void flips(Exposition& out, const Views& views, const release::Controller& controller,
           const AdminCounts& admin);

}  // namespace switchback::metrics
