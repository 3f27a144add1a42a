// What is told about one server. Threads: any that holds the snapshot.
#pragma once

#include "proxy/upstream/pool_shared.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::worker {

ServerView server_view(const upstream::PoolMember& member, const upstream::PoolShared& pool,
                       Nanos now_ns);

}  // namespace switchback::worker
