#include "config/validate_notify.hpp"

#include <algorithm>
#include <map>

#include "config/notify_values.hpp"

namespace switchback::config {
namespace {

void one_way_out(const NotifyTarget& target, const Mark& at, const std::string& path,
                 Report& report) {
  const int ways = !target.webhook.empty() + !target.webhook_file.empty() + !target.exec.empty();
  if (ways != 1) {
    report.error(at,
                 path + (ways == 0 ? " has no way out"
                                   : " has more than one of webhook, webhook_file and exec"),
                 ways == 0
                     ? "add webhook: https://…, webhook_file: FILE or exec: [/path/to/program]"
                     : "keep one, and write a second target");
  }
  if (!target.exec.empty() && !target.exec.front().starts_with('/')) {
    report.error(at, path + ".exec: '" + target.exec.front() + "' is not a whole path",
                 "begin it with /; no shell looks for it");
  }
  const bool unused = !target.exec.empty() && (!target.ca.empty() || !target.headers_file.empty() ||
                                               !target.secret_file.empty());
  if (unused) {
    report.error(at, path + ": ca, headers_file and secret_file are for webhooks",
                 "leave them out beside exec");
  }
  if (target.format == NotifyFormat::slack && !target.secret_file.empty()) {
    report.warning(at, path + ": nobody verifies signatures of format slack", "format: json");
  }
}

void in_the_clear(const NotifyTarget& target, const Mark& at, const std::string& path,
                  Report& report) {
  std::string why;
  const auto url = parse_webhook_url(target.webhook, why);
  if (!url || url->tls || target.headers_file.empty()) return;
  const bool here = url->host == "localhost" || url->host == "::1" || url->host.starts_with("127.");
  if (!here) {
    report.warning(at, path + ": headers_file is sent in the clear to " + url->host,
                   "write https://");
  }
}

}  // namespace

void validate_notify(const Config& config, const Places& places, Report& report) {
  std::map<std::string, std::string> names;
  if (config.notify.size() > most_notify_targets) {
    report.error(places.at("notify"),
                 "notify has " + std::to_string(config.notify.size()) + " targets, at most " +
                     std::to_string(most_notify_targets) + " are possible",
                 "let one program spread what it is told");
  }
  for (std::size_t i = 0; i < config.notify.size(); ++i) {
    const NotifyTarget& target = config.notify[i];
    const std::string path = "notify[" + std::to_string(i) + "]";
    if (!places.sound(path)) continue;
    if (const auto [first, fresh] = names.emplace(target.name, path); !fresh) {
      report.error(
          places.at(path + ".name"), "two targets of notify are named " + target.name,
          "first in line " + std::to_string(places.at(first->second).line) + "; rename one");
    }
    one_way_out(target, places.at(path), path, report);
    in_the_clear(target, places.at(path), path, report);
    for (std::size_t s = 0; s < target.services.size(); ++s) {
      const bool known =
          std::any_of(config.services.begin(), config.services.end(),
                      [&](const Service& service) { return service.name == target.services[s]; });
      if (known) continue;
      report.error(places.at(path + ".services[" + std::to_string(s) + "]"),
                   "there is no service '" + target.services[s] + "'",
                   "name one of services, or leave services out for all");
    }
  }
}

}  // namespace switchback::config
