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

// The listener of `others` that has the address of list[i]; of several with the same one (port 0)
// the one at the same place among them. Null: none.
const Listener* counterpart(const std::vector<Listener>& list, std::size_t i,
                            const std::vector<Listener>& others) {
  std::size_t before = 0;
  for (std::size_t j = 0; j < i; ++j) before += list[j].bind == list[i].bind ? 1 : 0;
  for (const Listener& other : others) {
    if (other.bind == list[i].bind && before-- == 0) return &other;
  }
  return nullptr;
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
      if (field->key == "listeners" && name.empty()) {
        listeners(*field, *static_cast<const Config*>(before), *static_cast<const Config*>(after));
      } else if (field->optional && !field->same(before, after)) {
        out_.changes.push_back(here + ": switched on or off");
      } else if (field->below) {
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

  void listeners(const Field& field, const Config& before, const Config& after) {
    Shown gone, added;
    for (std::size_t i = 0; i < before.listeners.size(); ++i) {
      const Listener& old = before.listeners[i];
      if (const Listener* next = counterpart(before.listeners, i, after.listeners)) {
        section("listener", "listeners[" + std::to_string(i) + "]", &old, next);
      } else {
        gone.push_back(old.bind.text);
      }
    }
    for (std::size_t i = 0; i < after.listeners.size(); ++i) {
      if (!counterpart(after.listeners, i, before.listeners)) {
        added.push_back(after.listeners[i].bind.text);
      }
    }
    if (const std::string what = list_change(gone, added); !what.empty()) {
      out_.restart_required.push_back("listeners: " + what + ": " + std::string(field.restart));
    }
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

std::vector<Listener> adoptable_listeners(const std::vector<Listener>& running,
                                          const std::vector<Listener>& next) {
  std::vector<Listener> out;
  for (std::size_t i = 0; i < running.size(); ++i) {
    const Listener* fresh = counterpart(running, i, next);
    out.push_back(fresh ? *fresh : running[i]);
  }
  return out;
}

ReloadDiff diff(const Config& running, const Config& next) {
  Comparison comparison;
  comparison.section("", "", &running, &next);
  return comparison.take();
}

}  // namespace switchback::config
