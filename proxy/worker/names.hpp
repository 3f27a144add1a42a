// Configured servers and what their names stand for at the moment: a server whose address is a
// name becomes one member for each address, with the weight that is configured.
//
// Threads: the control thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "proxy/dns/resolver.hpp"
#include "proxy/worker/data_plane.hpp"
#include "proxy/worker/snapshot.hpp"

namespace switchback::worker {

std::set<std::string> names_of(const config::Pool& pool);
std::set<std::string> names_of(const config::Config& config);

// Members for `pool`; those that are in `before` (may be null) go on as they are.
std::vector<upstream::PoolMember> expand_pool(const config::Pool& pool, const dns::NameTable& table,
                                              const std::vector<upstream::PoolMember>* before,
                                              unsigned workers);

// "app-blue: no such name (NXDOMAIN); app-green: not resolved yet"; empty: all names have
// addresses.
std::string unresolved_in(const config::Pool& pool, const dns::NameTable& table);

// For each server of a pool whose name has no address: an entry that says so in its place.
void add_unresolved(const config::Pool& pool, const dns::NameTable& table,
                    std::vector<ServerView>& servers);

std::vector<NameView> views_of(const std::set<std::string>& names, const dns::NameTable& table);

// `service` with what its names stand for now, or null when nothing is different. `change` hears of
// servers that have lost or found their addresses.
std::shared_ptr<const ServiceShared> with_names(
    const ServiceShared& service, const dns::NameTable& table, unsigned workers,
    const std::function<void(const upstream::HealthChange&)>& change);

}  // namespace switchback::worker
