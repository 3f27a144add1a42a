// From an event of the stream to a message: which kind it is, what stands, and how it is said.
#include <boost/json.hpp>
#include <cstdio>
#include <map>

#include "admin/notify/message.hpp"

namespace switchback::notify {

namespace json = boost::json;
using config::NotifyKind;

namespace {

std::string text_of(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

bool is_true(const json::object& body, std::string_view name, bool otherwise = false) {
  const auto* value = body.if_contains(name);
  return value && value->is_bool() ? value->get_bool() : otherwise;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

// "GREEN v1.3"
std::string side(const json::object& receipt, const char* color, const char* release) {
  const auto version = text_of(receipt, release);
  return upper(text_of(receipt, color)) + (version.empty() ? "" : " " + version);
}

std::string stage_ms(const json::object& receipt, const char* name) {
  const auto* stages = receipt.if_contains("stages_ms");
  const auto* object = stages ? stages->if_object() : nullptr;
  const auto* value = object ? object->if_contains(name) : nullptr;
  if (!value || !value->is_number()) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", value->to_number<double>());
  return text;
}

void add(std::string& text, const std::string& more) {
  if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
}

// Who did it and why, and what is not as it should be.
std::string about_switch(const json::object& receipt) {
  std::string text = "by " + text_of(receipt, "actor");
  add(text, text_of(receipt, "reason"));
  if (const auto ms = stage_ms(receipt, "switched"); !ms.empty()) add(text, "switched in " + ms);
  if (is_true(receipt, "forced")) add(text, "an unfit standby was forced");
  if (!is_true(receipt, "durable", true)) add(text, "NOT on disk yet");
  return text;
}

void tell_switched(const json::object& receipt, Message& out) {
  const auto kind = text_of(receipt, "kind");
  const auto to = side(receipt, "to", "to_release"), from = side(receipt, "from", "from_release");
  const bool by_itself = kind == "auto_rollback";
  out.kind = by_itself || kind == "rollback" ? NotifyKind::rollback : NotifyKind::flip;
  if (by_itself) {
    out.title = out.service + ": went back to " + to + " BY ITSELF, from " + from;
    out.next = "switchback bake " + out.service;
  } else if (kind == "rollback") {
    out.title = out.service + ": rolled back to " + to + ", from " + from;
    out.next = "switchback status " + out.service;
  } else {
    out.title = out.service + ": " + to + " has the traffic now, before it " + from +
                (kind == "drill" ? " (a drill)" : "");
    out.next = "switchback rollback " + out.service;
  }
  out.text = about_switch(receipt);
}

// What an earlier life of the process was at when it died.
void tell_recovered(const json::object& receipt, const std::string& how, Message& out) {
  tell_switched(receipt, out);
  const bool moved = is_true(receipt, "moved");
  out.title =
      out.service + ": switchback died during a " + text_of(receipt, "kind") + "; " +
      (moved ? side(receipt, "to", "to_release") + " has the traffic"
             : "traffic did not move, " + side(receipt, "from", "from_release") + " has it still");
  out.text = how + "; " + out.text;
  out.next = "switchback status " + out.service;
}

bool tell_proof(const json::object& receipt, const std::string& state, Message& out) {
  const auto to = side(receipt, "to", "to_release");
  const auto* proof = receipt.if_contains("verification");
  const auto* object = proof ? proof->if_object() : nullptr;
  out.kind = NotifyKind::verified;
  out.text = object ? text_of(*object, "label") : "";
  if (object) add(out.text, text_of(*object, "verdict"));
  if (state == "verified") {
    out.title = out.service + ": " + to + " is proved";
    add(out.text, "after " + stage_ms(receipt, "verified"));
    return true;
  }
  if (state == "unverified") {
    out.title = out.service + ": " + to + " has the traffic, but is NOT proved";
    out.next = "switchback verify " + out.service;
    return true;
  }
  if (state != "regressed") return false;
  out.title = out.service + ": " + to + " is WORSE than what it replaced";
  out.next = "switchback rollback " + out.service;
  return true;
}

bool tell_flip(const json::object& body, const std::string& what, Message& out) {
  if (what == "switched") return tell_switched(body, out), true;
  if (what == "resumed" || what == "recovered" || what == "failed_before_switch")
    return tell_recovered(body, what, out), true;
  if (what != "refused") return tell_proof(body, what, out);
  out.kind = NotifyKind::refused;
  out.title =
      out.service + ": a " + text_of(body, "kind") + " was refused: " + text_of(body, "title");
  out.text = text_of(body, "detail");
  add(out.text, "asked by " + text_of(body, "actor"));
  out.next = "switchback status " + out.service;
  return true;
}

bool tell_alarm(const json::object& body, bool over, const std::vector<std::string>& services,
                Message& out) {
  const auto code = text_of(body, "code");
  const auto colon = code.find(':');
  const auto word = code.substr(0, colon);
  const auto subject = colon == std::string::npos ? "" : code.substr(colon + 1);
  for (const auto& service : services)
    if (service == subject) out.service = service;
  static const std::map<std::string, const char*, std::less<>> of_releases = {
      {"regressed", "the release is WORSE than what it replaced"},
      {"both_bad", "it went back, and that fails as well"},
      {"budget_burns", "errors burn the error budget"}};
  const auto release = of_releases.find(word);
  out.kind = release == of_releases.end() ? NotifyKind::alarm : NotifyKind::regressed;
  out.standing = over ? Standing::resolved : Standing::firing;
  out.key = code;
  out.text = text_of(body, "text");
  std::string what = release == of_releases.end() ? "alarm " + code : release->second;
  if (!out.service.empty() && release != of_releases.end()) what = out.service + ": " + what;
  out.title = over ? "over: " + what : what;
  const std::string of_service = out.service.empty() ? "" : " " + out.service;
  if (over) return true;
  out.next = word == "regressed" || word == "budget_burns" ? "switchback rollback" + of_service
             : word == "audit_broken"                      ? "switchback audit verify"
             : word == "notify_failing"                    ? "switchback notify list"
                                                           : "switchback status" + of_service;
  return true;
}

bool tell_hold(const json::object& body, const std::string& what, Message& out) {
  out.kind = NotifyKind::hold;
  const auto until = text_of(body, "until");
  if (what == "placed") {
    out.title = out.service + ": held by " + text_of(body, "actor") +
                (until.empty() ? "" : " until " + until);
    out.text = text_of(body, "reason");
    add(out.text, "promotes and automatic rollbacks wait; a rollback by hand does not");
    out.next = "switchback hold " + out.service + " --release";
  } else {
    out.title = out.service + ": the hold of " + text_of(body, "actor") +
                (what == "lifted" ? " was lifted by " + text_of(body, "lifted_by") : " has ended");
  }
  return true;
}

bool tell_bake(const json::object& body, const std::string& what, Message& out) {
  // The others come with an alarm or a flip, which say the same.
  if (what != "begun" && what != "warned" && what != "over") return false;
  out.kind = NotifyKind::bake;
  out.title = out.service + ": bake " + what;
  out.text = text_of(body, "text");
  out.next = "switchback bake " + out.service;
  return true;
}

bool tell_readiness(const json::object& body, Message& out) {
  const bool ready = text_of(body, "overall") != "NOT READY";
  out.kind = NotifyKind::readiness;
  out.standing = ready ? Standing::resolved : Standing::firing;
  out.key = "readiness:" + out.service;
  out.title = out.service + (ready ? ": a rollback would work again" : ": NO WAY BACK that works");
  if (ready) return true;
  out.text = text_of(body, "question");
  add(out.text, text_of(body, "reason"));
  out.next = "switchback readiness " + out.service;
  return true;
}

bool tell_health(const json::object& body, Message& out) {
  const auto server = text_of(body, "server"), to = text_of(body, "to");
  out.kind = NotifyKind::health;
  out.standing = to == "healthy" ? Standing::resolved : Standing::firing;
  out.key = "health:" + out.service + ":" + text_of(body, "color") + ":" + server;
  out.title = out.service + ": " + upper(text_of(body, "color")) + " " + server + " is " + to;
  out.text = text_of(body, "reason");
  out.next = "switchback status " + out.service;
  return true;
}

bool tell_release(const json::object& body, const std::string& what, Message& out) {
  if (what == "change") return false;  // the state it came to is an event of its own
  out.kind = NotifyKind::release;
  out.title = out.service + ": release " + text_of(body, "version") + " is " + what;
  out.text = text_of(body, "why");
  out.next = "switchback release list " + out.service;
  return true;
}

bool tell_other(const json::object& body, const std::string& type, Message& out) {
  if (type == "paused" || type == "resumed") {
    out.kind = NotifyKind::pause;
    out.key = "pause:" + out.service;
    out.standing = type == "paused" ? Standing::firing : Standing::resolved;
    out.title =
        out.service + (type == "paused" ? ": requests wait at the door" : ": the door is open");
    out.text = "by " + text_of(body, "actor");
    if (type == "paused") out.next = "switchback resume " + out.service;
    return true;
  }
  if (type == "null_flip.failed") {
    out.kind = NotifyKind::rehearsal;
    out.title = out.service + ": a rehearsal of the rollback failed";
    out.text = text_of(body, "fault");
    out.next = "switchback readiness " + out.service;
    return true;
  }
  if (type == "reload") {
    out.kind = NotifyKind::reload;
    const bool adopted = is_true(body, "adopted");
    out.title =
        adopted ? "the configuration was read again" : "a reload was REFUSED; nothing changed";
    out.text = text_of(body, "text");
    if (!adopted) out.next = "switchback check --config FILE";
    return true;
  }
  if (type != "audit.anchor") return false;
  out.kind = NotifyKind::anchor;
  const auto* seq = body.if_contains("seq");
  out.title =
      "audit head: seq " + (seq ? json::serialize(*seq) : "") + " hash " + text_of(body, "hash");
  return true;
}

}  // namespace

std::optional<Message> message_of(const release::Event& event,
                                  const std::vector<std::string>& services) {
  boost::system::error_code error;
  const auto value = json::parse(event.json, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& body = value.get_object();
  Message out;
  out.id = std::to_string(event.id);
  out.event = event.type;
  out.at = text_of(body, "at");
  out.data = event.json;
  out.service = text_of(body, "service");
  const auto dot = event.type.find('.');
  const std::string room = event.type.substr(0, dot);
  const std::string what = dot == std::string::npos ? "" : event.type.substr(dot + 1);
  bool told = false;
  if (room == "flip") {
    told = tell_flip(body, what, out);
  } else if (room == "alarm") {
    told = tell_alarm(body, what == "cleared", services, out);
  } else if (room == "hold") {
    told = tell_hold(body, what, out);
  } else if (room == "bake") {
    told = tell_bake(body, what, out);
  } else if (room == "release") {
    told = tell_release(body, what, out);
  } else if (room == "readiness") {
    told = tell_readiness(body, out);
  } else if (room == "health") {
    told = tell_health(body, out);
  } else {
    told = tell_other(body, event.type, out);
  }
  if (!told) return std::nullopt;
  return out;
}

}  // namespace switchback::notify
