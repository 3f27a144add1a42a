// audit list, audit verify: what was changed by whom, and whether the record still says so.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/render.hpp"
#include "admin/cli/session.hpp"
#include "admin/people/anchors.hpp"
#include "config/dates.hpp"

namespace switchback::cli {
namespace {

constexpr int exit_audit_bad = 1;

struct AuditOptions {
  std::string ledger, anchors;
  std::uint64_t after = 0;
  unsigned limit = 50;
};

ledger::AuditRow row_of(const json::object& entry) {
  ledger::AuditRow row;
  row.seq = count_of(entry, "seq");
  row.wall_us = static_cast<std::int64_t>(count_of(entry, "at_us"));
  row.actor = text_of(entry, "actor");
  row.auth = text_of(entry, "auth");
  row.source = text_of(entry, "source");
  row.action = text_of(entry, "action");
  row.text = text_of(entry, "text");
  row.prev_hash = text_of(entry, "prev_hash");
  row.hash = text_of(entry, "hash");
  return row;
}

// Calls `each` for every entry behind `after`, `limit` at most (0: all), page by page.
template <class Each>
void for_entries(Session& session, std::uint64_t after, unsigned limit, Each each) {
  unsigned left = limit == 0 ? ~0u : limit;
  while (left > 0) {
    const auto page = session.get("/v1/audit?after=" + std::to_string(after) +
                                  "&limit=" + std::to_string(std::min(left, 1000u)));
    const auto entries = array_of(page, "entries");
    for (const auto& value : entries) {
      if (!value.is_object()) continue;
      const auto row = row_of(value.get_object());
      after = row.seq;
      each(row);
      --left;
    }
    if (entries.empty()) return;
  }
}

int list(const AuditOptions& options, const Globals& globals) {
  Session session(globals);
  std::uint64_t after = options.after;
  if (after == 0) {  // the newest
    const auto head = object_of(session.get("/v1/audit?limit=1"), "head");
    const auto seq = count_of(head, "seq");
    after = seq > options.limit ? seq - options.limit : 0;
  }
  for_entries(session, after, options.limit, [&](const ledger::AuditRow& row) {
    if (globals.json) {
      std::printf("%s\n", row.text.c_str());
      return;
    }
    const auto body = object_of(parse_object(row.text), "body");
    // What it was about: the path of a call, the service of what switchback did by itself.
    const auto about = text_of(body, "call", text_of(body, "service"));
    std::printf("%6llu %s %-18s %-8s %-15s %-20s %s\n", static_cast<unsigned long long>(row.seq),
                config::format_instant(row.wall_us).c_str(), row.action.c_str(),
                text_of(body, "result").c_str(), row.source.c_str(), row.actor.c_str(),
                printable(about).c_str());
  });
  return exit_done;
}

std::vector<people::Anchor> anchors_of(const json::object& answer) {
  std::vector<people::Anchor> anchors;
  for (const auto& value : array_of(answer, "anchors")) {
    if (!value.is_object()) continue;
    const auto& one = value.get_object();
    people::Anchor anchor;
    anchor.seq = count_of(one, "seq");
    anchor.hash = text_of(one, "hash");
    anchor.begun_anew = text_of(one, "begun_anew");
    const auto at = config::parse_instant(text_of(one, "at"));
    if (const auto* instant = std::get_if<config::Instant>(&at)) anchor.at_us = instant->wall_us;
    anchors.push_back(std::move(anchor));
  }
  return anchors;
}

int report(const ledger::AuditCheck& check, const people::AnchoredVerifier& verifier,
           const Globals& globals) {
  if (globals.json) {
    const json::object out{
        {"entries", check.entries},
        {"first_bad", check.first_bad == 0 ? json::value() : json::value(check.first_bad)},
        {"fault", check.fault},
        {"head", check.head},
        {"anchors", verifier.compared()},
        {"earlier_anchors", verifier.earlier()}};
    std::printf("%s\n", json::serialize(out).c_str());
  } else if (check.first_bad == 0) {
    std::printf("the chain holds: %llu entries, %zu anchors passed, head %s\n",
                static_cast<unsigned long long>(check.entries), verifier.compared(),
                check.head.empty() ? "(none)" : check.head.c_str());
    if (verifier.earlier() > 0)
      std::printf("%zu anchors are of a ledger before this one, and were not compared\n",
                  verifier.earlier());
  } else {
    std::printf("entry %llu is bad: %s\n", static_cast<unsigned long long>(check.first_bad),
                check.fault.c_str());
  }
  return check.first_bad == 0 ? exit_done : exit_audit_bad;
}

int verify_file(const AuditOptions& options, const Globals& globals) {
  const auto beside = std::filesystem::path(options.ledger).parent_path() / "audit-anchor";
  // Anchors first: what is appended meanwhile must not look like a missing tail.
  const auto anchors =
      people::read_anchors(options.anchors.empty() ? beside.string() : options.anchors);
  if (!anchors.fault.empty()) std::fprintf(stderr, "switchback: %s\n", anchors.fault.c_str());
  people::AnchoredVerifier verifier(anchors.anchors);
  const auto fault =
      ledger::read_audit(options.ledger, [&](const ledger::AuditRow& row) { verifier.next(row); });
  if (!fault.empty()) {
    throw CommandFailed{exit_usage, "switchback: " + options.ledger + ": " + fault + "\n", ""};
  }
  return report(verifier.finish(), verifier, globals);
}

int verify(const AuditOptions& options, const Globals& globals) {
  if (!options.ledger.empty()) return verify_file(options, globals);
  Session session(globals);
  auto anchors = anchors_of(session.get("/v1/audit/anchors"));
  if (!options.anchors.empty()) anchors = people::read_anchors(options.anchors).anchors;
  people::AnchoredVerifier verifier(anchors);
  for_entries(session, 0, 0, [&](const ledger::AuditRow& row) { verifier.next(row); });
  return report(verifier.finish(), verifier, globals);
}

}  // namespace

void add_audit_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<AuditOptions>();
  auto* group =
      app.add_subcommand("audit", "What was changed, by whom; and whether that still holds");
  group->require_subcommand(1);
  group->footer("Example:\n  switchback audit verify");
  auto* show = group->add_subcommand("list", "The newest entries");
  show->footer("Example:\n  switchback audit list --limit 20");
  show->add_option("--after", options->after, "Those behind this entry, oldest first")
      ->type_name("SEQ");
  show->add_option("--limit", options->limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1u, 100'000u))
      ->capture_default_str();
  show->callback([options, &action] {
    action = [options](const Globals& globals) { return list(*options, globals); };
  });
  auto* check = group->add_subcommand(
      "verify", "Check the chain and its anchors; ends with 1 at the first bad entry");
  check->footer(
      "Examples:\n  switchback audit verify\n"
      "  switchback audit verify --ledger /var/lib/switchback/ledger.db");
  check->add_option("--ledger", options->ledger, "A ledger's file, without asking a server")
      ->type_name("FILE");
  check
      ->add_option("--anchors", options->anchors,
                   "The anchors to hold it against (default: audit-anchor beside the ledger)")
      ->type_name("FILE");
  check->callback([options, &action] {
    action = [options](const Globals& globals) { return verify(*options, globals); };
  });
}

}  // namespace switchback::cli
