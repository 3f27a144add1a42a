// People, tokens and the audit chain as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "admin/metrics/collect.hpp"
#include "admin/people/people.hpp"

namespace switchback::api {

bool contains(const std::vector<std::string>& names, const std::string& name);
// RFC 3339, or null for 0.
boost::json::value time_or_null(std::int64_t wall_us);
// null stands for all.
boost::json::value services_or_null(const std::vector<std::string>& services);

boost::json::object person_object(const people::PersonView& person);
boost::json::object token_object(const people::TokenEntry& token, std::int64_t now_us);
boost::json::object audit_object(const ledger::AuditRow& row);
boost::json::object anchor_object(const people::Anchor& anchor);

metrics::PeopleCounts people_counts(const people::People& people);

// Members in the order of their names (as RFC 8785 wants it), and values of members that are called
// like secrets left out: what the audit chain keeps can be compared byte by byte, and read by many.
std::string canonical_json(const boost::json::value& value);

}  // namespace switchback::api
