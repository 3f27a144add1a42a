#include "config/reference.hpp"

#include <string_view>
#include <vector>

#include "config/fields.hpp"
#include "config/model.hpp"

namespace switchback::config {

namespace {

// A struct with the model's own defaults for each section, to show them.
struct Defaults {
  Config config;
  Service service;
  Listener listener;
  Certificate certificate;
  Match match;
  Server server;
  AccessRule access;
  Token token;
  Probe probe;
  JsonExpectation json;
  Stream stream;
  Hook hook;
  CertificateRule certificate_rule;
  NotifyTarget notify;

  const void* of(std::string_view section) const {
    if (section.empty()) return &config;
    if (section == "listener") return &listener;
    if (section == "service") return &service;
    if (section == "match") return &match;
    if (section == "server") return &server;
    if (section == "certificate") return &certificate;
    if (section == "access") return &access;
    if (section == "token") return &token;
    if (section == "probe") return &probe;
    if (section == "json") return &json;
    if (section == "stream") return &stream;
    if (section == "hook") return &hook;
    if (section == "certificate_rule") return &certificate_rule;
    if (section == "notify") return &notify;
    if (section == "balance") return &service.balance;
    // The others are members of the structs above.
    for (const Field& field : all_fields()) {
      if (field.inner == section && field.below) return field.below(of(field.section));
    }
    return nullptr;
  }
};

// Text for a table cell: a pipe would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string default_of(const Field& field, const Defaults& defaults) {
  if (field.required) return "required";
  if (field.below || !field.show) return "see below";
  const auto shown = field.show(defaults.of(field.section));
  if (shown.empty()) return field.unset.empty() ? "none" : cell(field.unset);
  std::string out;
  for (const std::string& text : shown) out += (out.empty() ? "" : ", ") + text;
  return "`" + cell(out) + "`";
}

std::string row(const Field& field, const Defaults& defaults) {
  std::string meaning = cell(field.doc);
  if (!field.restart.empty()) meaning += " A change needs a restart: " + cell(field.restart) + ".";
  return "| `" + std::string(field.key) + "` | " + cell(field.type) + " | " +
         default_of(field, defaults) + " | " + cell(allowed_of(field)) + " | " + meaning + " |\n";
}

std::string heading_of(std::string_view section) {
  if (section.empty()) return "The file";
  if (section == "pool") return "`services.NAME.blue` and `services.NAME.green`";
  return "`" + path_of_section(section) + "`";
}

// The sentence of the field under which the section stands.
std::string intro_of(std::string_view section) {
  if (section.empty()) return "The keys at the top, without indentation.";
  if (section == "pool") return "The two sets of servers of a service; one of them is active.";
  if (section == "server") return "An address alone is short for `{address: ADDRESS}`.";
  for (const Field& field : all_fields()) {
    if (field.inner == section) return std::string(field.doc);
  }
  return {};
}

std::string section_text(std::string_view section, const Defaults& defaults) {
  std::string out = "\n## " + heading_of(section) + "\n\n";
  if (const std::string intro = intro_of(section); !intro.empty()) out += intro + "\n\n";
  out += "| key | takes | default | allowed | meaning |\n|---|---|---|---|---|\n";
  for (const Field* field : fields_of(section)) {
    if (!field->later) out += row(*field, defaults);
  }
  return out;
}

// Sections in the order in which the file leads to them.
void collect(std::string_view section, std::vector<std::string_view>& order) {
  for (const std::string_view known : order) {
    if (known == section) return;
  }
  order.push_back(section);
  for (const Field* field : fields_of(section)) {
    if (!field->inner.empty()) collect(field->inner, order);
  }
}

constexpr std::string_view head = R"(# Configuration

This page is made from the field table in `config/field_table.cpp`; a test fails when the two differ.
`switchback init` writes a commented file to begin with, `switchback check --config FILE` tells every
fault in a file at once, and `config/examples/` has whole files.

## How values are written

- **Durations** have a unit: `250ms`, `5s`, `1m`, `1h`. Only `0` may stand alone.
- **Sizes** have a unit: `512B`, `64KiB`, `1MiB`, `1GiB`. Only `0` may stand alone.
- **0 means none** in `timeouts`, and no limit in `limits.body`.
- **Addresses** are `host:port`, `"[v6]:port"` or `unix:/path`; one that begins with `[` needs quotes.
- **Files and folders** that do not begin with `/` are looked for from the folder of this file.
- Numbers with a leading zero are refused, since YAML reads them as octal. Doubled and unknown keys
  are refused. Variables of the environment are not filled in.
- An alias (`*name`) repeats a whole value; merge keys (`<<`) and tags (`!name`) are refused.
- A file has at most 1 MiB, 100,000 values and 32 levels.

## Reload

SIGHUP reads the file again. A faulty file changes nothing. Of a good one everything is taken over
that can change while the process runs; a key that cannot says so below, is named in the log, and
keeps its old value until the next start.
)";

}  // namespace

std::string reference_markdown() {
  const Defaults defaults;
  std::string out(head);
  std::vector<std::string_view> order;
  collect("", order);
  for (const std::string_view section : order) out += section_text(section, defaults);
  out +=
      "\n## Names kept for later releases\n\nThese are refused by name until they are built.\n\n";
  for (const Field& field : all_fields()) {
    if (!field.later) continue;
    const std::string path = path_of_section(field.section);
    out += "- `" + path + (path.empty() ? "" : ".") + std::string(field.key) +
           "`: " + std::string(field.doc) + "\n";
  }
  return out;
}

}  // namespace switchback::config
