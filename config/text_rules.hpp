// What the texts of a configuration may look like: names, host names, paths, header names.
#pragma once

#include <string_view>

#include "config/fields.hpp"

namespace switchback::config {

extern const TextRule service_name_rule;
extern const TextRule host_pattern_rule;  // of match.hosts: a name, or "*." and a name
extern const TextRule path_prefix_rule;
extern const TextRule request_path_rule;  // of a health check: may carry a query
extern const TextRule host_header_rule;   // name, with or without port; empty allowed
extern const TextRule server_name_rule;   // of TLS: a name or an IP literal; empty allowed
extern const TextRule release_rule;
extern const TextRule header_name_rule;   // of the preview header: not one that frames a message
extern const TextRule client_field_rule;  // in which a proxy in front names its client
extern const TextRule answer_field_rule;  // of an answer, to be compared
extern const TextRule method_rule;
extern const TextRule account_rule;  // a user or a group
extern const TextRule token_name_rule;
extern const TextRule sha256_rule;
extern const TextRule socket_path_rule;
extern const TextRule folder_rule;
extern const TextRule log_path_rule;

bool is_header_name(std::string_view text);  // a token of RFC 9110 §5.6.2

}  // namespace switchback::config
