// What `switchback demo` shows: pure text from a snapshot. On a terminal a block that is redrawn in
// place, elsewhere one line per second.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "admin/cli/render.hpp"
#include "admin/demo/traffic.hpp"

namespace switchback::cli {

struct DemoView {
  std::string proxy;                  // "http://127.0.0.1:8080"
  std::vector<std::string> admin;     // addresses
  std::vector<std::string> commands;  // to type elsewhere, with the right --admin
  demo::TrafficSample traffic;        // of the last second
  std::deque<std::string> trail;      // color of each past second, oldest first: "blue", "green",
                                      // "both", "none", "failed"
  boost::json::object last_flip;      // receipt; empty: none yet
  std::int64_t now_ms = 0;
};

inline constexpr std::size_t trail_seconds = 60;

// What the second of `sample` was, for the trail.
std::string second_of(const demo::TrafficSample& sample);

// What is said once, at the start, where nothing is redrawn: addresses and commands.
std::vector<std::string> render_demo_opening(const DemoView& view, const Style& style);
// Lines, without newlines; always the same number of them.
std::vector<std::string> render_demo_block(const DemoView& view, const Style& style);
// Rows that the lines take on a terminal `columns` wide (0: unknown, nothing wraps).
std::size_t rows_of(const std::vector<std::string>& lines, std::size_t columns);
// One line with a newline, for pipes and logs.
std::string render_demo_line(const DemoView& view);

}  // namespace switchback::cli
