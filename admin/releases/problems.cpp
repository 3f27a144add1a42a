#include "admin/releases/problems.hpp"

#include "admin/events/receipt_json.hpp"
#include "admin/release/problems.hpp"

namespace switchback::releases::problems {
namespace {

using release::problems::make;

std::string name_of(Color color) {
  return std::string(to_string(color));
}

std::string command(const char* verb, const Release& release) {
  return std::string("switchback release ") + verb + " " + release.service + " " + release.version;
}

}  // namespace

Problem bad_version(const std::string& version, const std::string& why) {
  return make(422, "bad_version", "this is no version's name",
              "'" + version.substr(0, 64) + "': " + why, "", 2);
}

Problem unknown_release(const std::string& service, const std::string& version,
                        const std::vector<Release>& known) {
  std::string names;
  for (std::size_t i = 0; i < known.size() && i < 5; ++i)
    names += (i ? ", " : "") + known[i].version;
  return make(
      404, "unknown_release", service + " has no release " + version.substr(0, 64),
      known.empty() ? "no release of it was ever registered" : "the newest registered: " + names,
      "switchback release list " + service, 2);
}

Problem color_is_active(const Release& release, Color color, const std::string& runs_there) {
  return make(409, "color_is_active", name_of(color) + " has the traffic",
              name_of(color) + " runs " + runs_there + " for " + release.service +
                  "; a new release is staged on the other side",
              command("stage", release) + " --color " + name_of(other(color)), 10);
}

Problem release_is_active(const Release& release) {
  return make(409, "release_is_active", release.version + " has the traffic",
              release.service + " runs it now; move the traffic away first",
              "switchback status " + release.service, 10);
}

Problem not_quarantined(const Release& release) {
  return make(
      409, "not_quarantined", release.version + " is not in quarantine",
      "it is " + std::string(to_string(release.state)) + "; nothing keeps it from a promote",
      command("show", release), 10);
}

Problem which_color(const std::string& service, const std::string& version) {
  return make(422, "color_missing", "say which color it runs on", "`color` is blue or green",
              "switchback release stage " + service + " " + version + " --color green", 2);
}

Problem held(const Hold& hold, release::FlipKind kind) {
  std::string detail = hold.actor + " holds " + hold.service +
                       (hold.until_wall_us ? " until " + events::rfc3339(hold.until_wall_us)
                                           : " until it is lifted") +
                       (hold.reason.empty() ? "" : ": " + hold.reason) +
                       ". A manual rollback is never held back.";
  const bool promote = kind == release::FlipKind::promote;
  return make(409, "held",
              hold.service + (promote ? " is held: nothing is promoted"
                                      : " is held: nothing is rolled back by itself"),
              std::move(detail), "switchback hold " + hold.service + " --release", 25);
}

Problem quarantined(const Release& release, Color to) {
  return make(409, "release_quarantined", release.version + " was rolled back",
              (release.reason.empty() ? "it is in quarantine" : release.reason) + " (" +
                  events::rfc3339(release.changed_wall_us) + "); promoting it again needs a reason",
              "switchback flip " + release.service + " --to " + name_of(to) +
                  " --requalify '<why it is good now>'",
              24);
}

Problem not_staged(const Release& release, Color standby) {
  return make(409, "release_not_staged", release.version + " runs on no color",
              "it is " + std::string(to_string(release.state)) + "; deploy it to " +
                  name_of(standby) + " and say so",
              command("stage", release) + " --color " + name_of(standby), 10);
}

}  // namespace switchback::releases::problems
