#include "config/diff.hpp"

#include <algorithm>

#include "config/fields.hpp"

namespace switchback::config {

namespace {

using Shown = std::vector<std::string>;

bool is_list(const Field& field) {
  return field.type.starts_with("list") || field.key == "match";
}

std::string joined(const Shown& texts) {
  if (texts.empty()) return "none";
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// "+ new, - gone" of a list; "" when the same elements stand in another order.
std::string list_change(const Shown& before, const Shown& after) {
  std::string out;
  const auto add = [&](const Shown& from, const Shown& without, const char* sign) {
    for (const std::string& text : from) {
      if (std::find(without.begin(), without.end(), text) != without.end()) continue;
      out += (out.empty() ? "" : ", ") + std::string(sign) + text;
    }
  };
  add(after, before, "+");
  add(before, after, "-");
  return out;
}

class Comparison {
 public:
  ReloadDiff take() { return std::move(out_); }

  void section(std::string_view name, const std::string& path, const void* before,
               const void* after) {
    for (const Field* field : fields_of(name)) {
      if (field->later) continue;
      const std::string here =
          path.empty() ? std::string(field->key) : path + "." + std::string(field->key);
      if (field->below) {
        section(field->inner, here, field->below(before), field->below(after));
      } else if (field->key == "services" && name.empty()) {
        services(*static_cast<const Config*>(before), *static_cast<const Config*>(after));
      } else if (!field->same(before, after)) {
        changed(*field, here, field->show(before), field->show(after));
      }
    }
  }

 private:
  void changed(const Field& field, const std::string& path, const Shown& before,
               const Shown& after) {
    std::string what =
        is_list(field) ? list_change(before, after) : joined(before) + " -> " + joined(after);
    if (is_list(field) && what.empty()) what = before == after ? "changed" : "another order";
    if (field.restart.empty()) {
      out_.changes.push_back(path + ": " + what);
    } else {
      out_.restart_required.push_back(path + ": " + what + ": " + std::string(field.restart));
    }
  }

  static const Service* find(const Config& config, const std::string& name) {
    for (const Service& service : config.services) {
      if (service.name == name) return &service;
    }
    return nullptr;
  }

  void services(const Config& before, const Config& after) {
    for (const Service& service : before.services) {
      if (!find(after, service.name))
        out_.changes.push_back("services." + service.name + ": removed");
    }
    for (const Service& service : after.services) {
      const std::string path = "services." + service.name;
      if (const Service* old = find(before, service.name)) {
        section("service", path, old, &service);
      } else {
        out_.changes.push_back(path + ": added");
      }
    }
  }

  ReloadDiff out_;
};

}  // namespace

ReloadDiff diff(const Config& running, const Config& next) {
  Comparison comparison;
  comparison.section("", "", &running, &next);
  return comparison.take();
}

}  // namespace switchback::config
