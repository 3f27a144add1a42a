// Which servers the configuration gives each color, so that a reload that takes a release's servers
// away is seen: what a rollback would go back to is not there any more.
//
// Removed: none is named now. Replaced: none of those before is among those named now, and the
// configuration does not say by name that the release is still the same. Some coming and going is
// scaling, and no news. Sans-IO.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/color.hpp"

namespace switchback::releases {

struct ServersGone {
  std::string service;
  Color color = Color::blue;
  std::string release;  // that the configuration names now; "": none
  bool replaced = false;
  std::string text;  // "its servers a:1, b:1 were replaced by c:1 in the configuration"
};

class ConfiguredServers {
 public:
  // What has gone since the configuration before; of the first one: nothing.
  std::vector<ServersGone> adopt(const config::Config& config);

 private:
  std::map<std::pair<std::string, Color>, std::vector<std::string>> known_;
};

}  // namespace switchback::releases
