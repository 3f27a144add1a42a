// What the room of releases has to tell a graph: states, holds, capacity, null flips, and how long
// going back takes. Behind prometheus_text() on the same page; no family is in both.
#pragma once

#include "admin/metrics/exposition.hpp"
#include "admin/release/controller.hpp"
#include "admin/releases/null_flips.hpp"
#include "admin/releases/releases.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::metrics {

void release_metrics(Exposition& out, const worker::DataPlane& plane,
                     const release::Controller& controller, const releases::Releases& room,
                     const releases::NullFlips& flips);

}  // namespace switchback::metrics
