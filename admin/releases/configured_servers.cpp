#include "admin/releases/configured_servers.hpp"

#include <algorithm>

namespace switchback::releases {

namespace {

std::string joined(const std::vector<std::string>& list) {
  constexpr std::size_t most = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(list.size(), most); ++i)
    out += (out.empty() ? "" : ", ") + list[i];
  return list.size() > most ? out + " and " + std::to_string(list.size() - most) + " more" : out;
}

bool one_stays(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  return std::any_of(before.begin(), before.end(), [&](const std::string& server) {
    return std::find(now.begin(), now.end(), server) != now.end();
  });
}

}  // namespace

std::vector<ServersGone> ConfiguredServers::adopt(const config::Config& config) {
  std::vector<ServersGone> out;
  decltype(known_) next;
  for (const auto& service : config.services) {
    for (const Color color : {Color::blue, Color::green}) {
      const auto& pool = color == Color::blue ? service.blue : service.green;
      auto& now = next[{service.name, color}];
      for (const auto& server : pool.servers) now.push_back(server.address.text);
      const auto before = known_.find({service.name, color});
      if (before == known_.end() || before->second.empty() || one_stays(before->second, now))
        continue;
      out.push_back(
          {service.name, color, pool.release, !now.empty(),
           "its servers " + joined(before->second) +
               (now.empty() ? " were taken out of the configuration"
                            : " were replaced by " + joined(now) + " in the configuration")});
    }
  }
  known_ = std::move(next);
  return out;
}

}  // namespace switchback::releases
