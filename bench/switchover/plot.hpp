// The picture of a flip benchmark: one SVG without anything outside of itself, readable on light
// and on dark. Above, how many answers each color gave in every millisecond around a flip; below,
// how the flips' times are distributed. Pure.
#pragma once

#include <string>

#include "bench/switchover/report.hpp"

namespace switchback::bench {

std::string render_svg(const Result& result, const Figures& figures);

// For text between tags and in attributes.
std::string xml_escaped(const std::string& text);

}  // namespace switchback::bench
