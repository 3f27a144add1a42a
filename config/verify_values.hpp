// How the values of `verify` are written: shares, rates, statuses, what is bad, what is expected.
//
// Each reader has the shape of Field::read; `owner` is the struct of the field's section. The
// overloads of read_value are elements of lists.
#pragma once

#include <string>
#include <vector>

#include "config/fields.hpp"
#include "config/model.hpp"

namespace switchback::config {

void read_value(Reading& reading, const Node& node, Probe& out, const Field& field);
void read_value(Reading& reading, const Node& node, Hook& out, const Field& field);
std::vector<std::string> show_value(const Probe& value);
std::vector<std::string> show_value(const Hook& value);

// The key is the method, the value the path; owner Probe.
void read_probe_method(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_probe_method(const Probe& probe, std::string_view method);
// Field name to value; owner Probe.
void read_probe_headers(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_probe_headers(const void* owner);
// `3 of 3`; owner Probe.
void read_pass(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_pass(const void* owner);

// 200, 200-204, or a list of them; owner ProbeExpectation.
void read_expected_status(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_expected_status(const void* owner);
// Field name to pattern; owner ProbeExpectation.
void read_expected_header(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_expected_header(const void* owner);
// Place to value or mapping; owner ProbeExpectation.
void read_expected_json(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_expected_json(const void* owner);
// Owner JsonExpectation.
void read_equals(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_equals(const void* owner);
void read_min(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_min(const void* owner);
void read_max(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_max(const void* owner);

// Name to stream; owner VerifyTraffic.
void read_streams(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_streams(const void* owner);
// A list of words, or "latency > p99(baseline)"; owner Stream.
void read_bad(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_bad(const void* owner);
// `0.2%`; owner Stream.
void read_floor(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_floor(const void* owner);
void read_tolerate(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_tolerate(const void* owner);

// `99.9%`; owner Bake.
void read_objective(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_objective(const void* owner);

// `10/s`; owner VerifyTraffic and PairedPlan.
void read_source_cap(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_source_cap(const void* owner);
void read_pair_rate(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_pair_rate(const void* owner);

}  // namespace switchback::config
