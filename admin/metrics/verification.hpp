// switchback_verification_* and switchback_verdict*: what checks and traffic say of releases.
#pragma once

#include "admin/metrics/exposition.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::metrics {

// Services without a plan have no samples.
void verification_metrics(Exposition& out, const worker::DataPlane& plane,
                          const verify::Verifier& verifier);

}  // namespace switchback::metrics
