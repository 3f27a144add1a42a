// Values that are written in more than one way, or fill more than one member of the model.
//
// Each reader has the shape of Field::read; `owner` is the struct of the field's section.
#pragma once

#include <string>
#include <vector>

#include "config/fields.hpp"

namespace switchback::config {

// `least_requests`, `round_robin`, `{hash: header NAME}` or "hash: header NAME"; owner Service.
void read_balance(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_balance(const void* owner);

// `header NAME` or `cookie NAME`; owner Balance.
void read_hash(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_hash(const void* owner);

// `200-399` or `204`; owner HealthCheck.
void read_status(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_status(const void* owner);

// `50%`; owner Outlier.
void read_max_ejected(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_max_ejected(const void* owner);

// `50%` or `off`; owner HealthCheck.
void read_panic(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_panic(const void* owner);

// Octal digits: 0660 or "660"; owner Listener.
void read_mode(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_mode(const void* owner);

// `auto` or a count; owner Config.
void read_workers(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_workers(const void* owner);

// The mapping, or `false`; owner Service.
void read_preview(Reading& reading, const Node& node, void* owner, const Field& field);
// A text that `false` or "" empties.
void read_or_off(Reading& reading, const Node& node, std::string& out, const Field& field);
void read_preview_header(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_preview_header(const void* owner);

// Owner Service.
void read_match(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_match(const void* owner);

// Name to service, in file order; owner Config.
void read_services(Reading& reading, const Node& node, void* owner, const Field& field);
std::vector<std::string> show_services(const void* owner);

// Files and folders: a relative path begins at the folder of the configuration file.
void read_path(Reading& reading, const Node& node, std::string& out, const Field& field);

}  // namespace switchback::config
