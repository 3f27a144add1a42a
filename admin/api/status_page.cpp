#include "admin/api/status_page.hpp"

#include <cstdio>

#include "admin/api/problem.hpp"
#include "admin/api/views.hpp"
#include "admin/events/receipt_json.hpp"

namespace switchback::api {
namespace {

constexpr std::string_view head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="2"><title>switchback</title><style>
:root{color-scheme:light dark;--line:#8884;--blue:#1d5fd1;--green:#177a3c;--bad:#b3261e;--dim:#666}
@media(prefers-color-scheme:dark){
:root{--blue:#7fb0ff;--green:#6fd08c;--bad:#ff8a80;--dim:#aaa}}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.2rem;margin:0}h2{margin:0 0 .5rem;font-size:1.3rem}
section{border:1px solid var(--line);border-radius:8px;padding:1rem;margin:1rem 0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top}
th{font-weight:600;color:var(--dim)}code,pre{font:14px ui-monospace,monospace}
pre{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;
overflow:auto;margin:.5rem 0 0}
.blue{color:var(--blue);font-weight:700}.green{color:var(--green);font-weight:700}
.bad{color:var(--bad);font-weight:700}.dim{color:var(--dim)}
</style></head><body><h1>switchback</h1>
)";

std::string color_html(Color color) {
  const std::string name(to_string(color));
  return "<span class=\"" + name + "\">" + (color == Color::blue ? "BLUE" : "GREEN") + "</span>";
}

std::string ms_text(double ms) {
  char text[48];
  std::snprintf(text, sizeof text, ms < 10 ? "%.2f ms" : ms < 1000 ? "%.0f ms" : "%.1f ms", ms);
  return text;
}

std::string server_html(const worker::ServerView& server) {
  std::string out = "<code>" + escape_html(server.address) + "</code> ";
  const std::string health = escape_html(upstream::to_string(server.health));
  const bool fine = server.health <= upstream::Health::healthy;
  out += fine ? health : "<span class=\"bad\">" + health + "</span>";
  if (server.ejected_for.count() > 0) {
    out += " <span class=\"bad\">ejected</span> <span class=\"dim\">" +
           escape_html(server.ejection) + ", back in " +
           std::to_string((server.ejected_for.count() + 999) / 1000) + " s</span>";
  } else if (server.failures_in_row > 0) {
    out += " <span class=\"dim\">last failure: " + escape_html(server.last_failure) + "</span>";
  } else if (fine && server.share_percent < 100) {
    out += " <span class=\"dim\">" + std::string(server.weight == 0 ? "weight 0" : "slow start, ") +
           (server.weight == 0 ? "" : std::to_string(server.share_percent) + " %") + "</span>";
  }
  if (!fine && !server.reason.empty())
    out += " <span class=\"dim\">" + escape_html(server.reason) + "</span>";
  return out + "<br>";
}

std::string pool_row(const worker::ServiceView& view, Color color) {
  const auto& pool = view.pools[index_of(color)];
  const bool active = view.active == color;
  std::string out =
      "<tr><td>" + color_html(color) + "</td><td>" + escape_html(pool.release) + "</td><td>";
  out += active ? "<b>active</b>" : pool.draining ? "draining" : "standby";
  out += "</td><td>" + std::to_string(in_flight_of(pool)) + "</td><td>";
  if (pool.waiting > 0) {
    out += "<span class=\"bad\">" + std::to_string(pool.waiting) +
           " requests wait for a connection</span><br>";
  }
  if (pool.servers.empty()) out += "<span class=\"dim\">no servers</span>";
  for (const auto& server : pool.servers) out += server_html(server);
  return out + "</td></tr>\n";
}

std::string flip_html(const release::Receipt& receipt) {
  std::string out = "<p>Last switch: " + escape_html(events::to_string(receipt.kind)) + " " +
                    color_html(receipt.from) + " to " + color_html(receipt.to) + ", " +
                    escape_html(events::to_string(receipt.state));
  if (receipt.stages_ms.switched) out += ", switched after " + ms_text(*receipt.stages_ms.switched);
  if (receipt.stages_ms.drained) out += ", drained after " + ms_text(*receipt.stages_ms.drained);
  out += ", by " + escape_html(receipt.actor) + " <span class=\"dim\">" +
         escape_html(events::rfc3339(receipt.wall_us)) + "</span>";
  if (!receipt.reason.empty())
    out += "<br><span class=\"dim\">" + escape_html(receipt.reason) + "</span>";
  return out + "</p>\n";
}

std::string service_html(const worker::ServiceView& view, const release::Controller& controller) {
  const std::string name = escape_html(view.service);
  std::string out = "<section><h2>" + name + ": " + color_html(view.active) + " " +
                    escape_html(view.pools[index_of(view.active)].release) +
                    " <span class=\"dim\">epoch " + std::to_string(view.epoch) + "</span></h2>\n";
  if (view.paused) {
    out += "<p class=\"bad\">PAUSED: " + std::to_string(view.waiting) +
           " requests wait at the door. <code>"
           "switchback resume " +
           name + "</code></p>\n";
  }
  out +=
      "<table><tr><th>side</th><th>release</th><th>state</th><th>in "
      "flight</th><th>servers</th></tr>\n" +
      pool_row(view, Color::blue) + pool_row(view, Color::green) + "</table>\n";
  if (const auto last = controller.last_flip(view.service)) out += flip_html(*last);
  const auto target = controller.rollback_target(view.service);
  if (target && *target != view.active) {
    out += "<p>To go back to " + color_html(*target) + ":</p><pre>switchback rollback " + name +
           "</pre>\n";
  } else if (target) {
    out += "<p class=\"dim\">Already on the rollback target.</p>\n";
  } else {
    out +=
        "<p class=\"dim\">Nothing to roll back to yet. To promote the other "
        "side:</p><pre>switchback flip " +
        name + " --to " + std::string(to_string(other(view.active))) + "</pre>\n";
  }
  return out + "</section>\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string status_html(const worker::DataPlane& plane, const release::Controller& controller,
                        const events::Alarms& alarms, const release::Actor& reader) {
  std::string out(head);
  for (const auto& alarm : alarms.standing()) {
    out += "<p class=\"bad\">ALARM " + escape_html(alarm.code) + ": " + escape_html(alarm.text) +
           "</p>\n";
  }
  for (const auto& name : plane.services()) {
    auto view = plane.view(name);
    if (!view) continue;
    controller.name_releases(*view);
    out += service_html(*view, controller);
  }
  out += "<p class=\"dim\">Listening: ";
  for (const auto& address : plane.listener_addresses())
    out += "<code>" + escape_html(address) + "</code> ";
  out += "· you are " + escape_html(reader.name) + " (" + std::string(role_name(reader.role)) +
         ") · <a href=\"/v1/services\">JSON</a> · <a href=\"/metrics\">metrics</a> · "
         "<a href=\"/v1/openapi.json\">API</a> · switchback " SWITCHBACK_VERSION
         "</p></body></html>\n";
  return out;
}

}  // namespace switchback::api
