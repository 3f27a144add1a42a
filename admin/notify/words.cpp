// From an event of the stream to a message: which kind it is, what stands, and how it is said.
#include <cstdio>
#include <map>

#include "admin/events/receipt_json.hpp"
#include "admin/notify/message.hpp"

namespace switchback::notify {

using config::NotifyKind;
using events::FlipKind;
using events::FlipStep;
using events::Receipt;

namespace {

std::string upper(std::string_view given) {
  std::string text(given);
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

// "GREEN v1.3"
std::string side(Color color, const std::string& version) {
  return upper(to_string(color)) + (version.empty() ? "" : " " + version);
}
std::string to_side(const Receipt& receipt) {
  return side(receipt.to, receipt.to_release);
}
std::string from_side(const Receipt& receipt) {
  return side(receipt.from, receipt.from_release);
}

std::string in_ms(const std::optional<double>& stage) {
  if (!stage) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", *stage);
  return text;
}

void add(std::string& text, const std::string& more) {
  if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
}

// Who did it and why, and what is not as it should be.
std::string about_switch(const Receipt& receipt) {
  std::string text = "by " + receipt.actor;
  add(text, receipt.reason);
  if (const auto ms = in_ms(receipt.stages_ms.switched); !ms.empty())
    add(text, "switched in " + ms);
  if (receipt.forced) add(text, "an unfit standby was forced");
  if (!receipt.durable) add(text, "NOT on disk yet");
  return text;
}

void tell_switched(const Receipt& receipt, Message& out) {
  const auto to = to_side(receipt), from = from_side(receipt);
  const bool by_itself = receipt.kind == FlipKind::auto_rollback;
  const bool back = by_itself || receipt.kind == FlipKind::rollback;
  out.kind = back ? NotifyKind::rollback : NotifyKind::flip;
  if (by_itself) {
    out.title = out.service + ": went back to " + to + " BY ITSELF, from " + from;
    out.next = "switchback bake " + out.service;
  } else if (back) {
    out.title = out.service + ": rolled back to " + to + ", from " + from;
    out.next = "switchback status " + out.service;
  } else {
    out.title = out.service + ": " + to + " has the traffic now, before it " + from +
                (receipt.kind == FlipKind::drill ? " (a drill)" : "");
    out.next = "switchback rollback " + out.service;
  }
  out.text = about_switch(receipt);
}

// What an earlier life of the process was at when it died.
void tell_recovered(const Receipt& receipt, FlipStep how, Message& out) {
  tell_switched(receipt, out);
  out.title = out.service + ": switchback died during a " + std::string(to_string(receipt.kind)) +
              "; " +
              (receipt.moved ? to_side(receipt) + " has the traffic"
                             : "traffic did not move, " + from_side(receipt) + " has it still");
  out.text = std::string(to_string(how)) + "; " + out.text;
  out.next = "switchback status " + out.service;
}

void tell_proof(const Receipt& receipt, FlipStep step, Message& out) {
  const auto to = to_side(receipt);
  out.kind = NotifyKind::verified;
  if (const auto& proof = receipt.verification) {
    out.text = proof->label;
    add(out.text, proof->verdict);
  }
  if (step == FlipStep::verified) {
    out.title = out.service + ": " + to + " is proved";
    add(out.text, "after " + in_ms(receipt.stages_ms.verified));
  } else if (step == FlipStep::unverified) {
    out.title = out.service + ": " + to + " has the traffic, but is NOT proved";
    out.next = "switchback verify " + out.service;
  } else {
    out.title = out.service + ": " + to + " is WORSE than what it replaced";
    out.next = "switchback rollback " + out.service;
  }
}

// What each kind of event says; false: nobody is told of it.
struct Words {
  Message& out;
  const std::vector<std::string>& services;

  bool operator()(const events::FlipStepped& e) const {
    switch (e.step) {
      case FlipStep::switched:
        return tell_switched(e.receipt, out), true;
      case FlipStep::resumed:
      case FlipStep::recovered:
      case FlipStep::failed_before_switch:
        return tell_recovered(e.receipt, e.step, out), true;
      case FlipStep::verified:
      case FlipStep::unverified:
      case FlipStep::regressed:
        return tell_proof(e.receipt, e.step, out), true;
      default:
        return false;
    }
  }

  bool operator()(const events::FlipRefused& e) const {
    out.kind = NotifyKind::refused;
    out.title = out.service + ": a " + std::string(to_string(e.kind)) + " was refused: " + e.title;
    out.text = e.detail;
    add(out.text, "asked by " + e.actor);
    out.next = "switchback status " + out.service;
    return true;
  }

  bool operator()(const events::AlarmRaised& e) const { return alarm(e.code, e.text, false); }
  bool operator()(const events::AlarmCleared& e) const { return alarm(e.code, "", true); }

  bool operator()(const events::HoldChanged& e) const {
    const auto& hold = e.hold;
    out.kind = NotifyKind::hold;
    if (e.step == events::HoldStep::placed) {
      const auto until = hold.until_wall_us == 0 ? "" : events::rfc3339(hold.until_wall_us);
      out.title =
          out.service + ": held by " + hold.actor + (until.empty() ? "" : " until " + until);
      out.text = hold.reason;
      add(out.text, "promotes and automatic rollbacks wait; a rollback by hand does not");
      out.next = "switchback hold " + out.service + " --release";
    } else {
      const bool lifted = e.step == events::HoldStep::lifted;
      out.title = out.service + ": the hold of " + hold.actor +
                  (lifted ? " was lifted by " + hold.lifted_by : " has ended");
    }
    return true;
  }

  bool operator()(const events::BakeStepped& e) const {
    using events::BakeStep;
    // The others come with an alarm or a flip, which say the same.
    if (e.step != BakeStep::begun && e.step != BakeStep::warned && e.step != BakeStep::over)
      return false;
    out.kind = NotifyKind::bake;
    out.title = out.service + ": bake " + std::string(to_string(e.step));
    out.text = e.text;
    out.next = "switchback bake " + out.service;
    return true;
  }

  bool operator()(const events::ReadinessChanged& e) const {
    out.kind = NotifyKind::readiness;
    out.standing = e.ready ? Standing::resolved : Standing::firing;
    out.key = "readiness:" + out.service;
    out.title =
        out.service + (e.ready ? ": a rollback would work again" : ": NO WAY BACK that works");
    if (e.ready) return true;
    out.text = e.question;
    add(out.text, e.reason);
    out.next = "switchback readiness " + out.service;
    return true;
  }

  bool operator()(const events::HealthChanged& e) const {
    out.kind = NotifyKind::health;
    out.standing = e.healthy ? Standing::resolved : Standing::firing;
    const std::string color(to_string(e.color));
    out.key = "health:" + out.service + ":" + color + ":" + e.server;
    out.title = out.service + ": " + upper(color) + " " + e.server + " is " + e.to;
    out.text = e.reason;
    out.next = "switchback status " + out.service;
    return true;
  }

  bool operator()(const events::ReleaseMoved& e) const {
    out.kind = NotifyKind::release;
    const auto what = e.from ? to_string(e.release.state) : "registered";
    out.title = out.service + ": release " + e.release.version + " is " + std::string(what);
    out.text = e.why;
    out.next = "switchback release list " + out.service;
    return true;
  }
  // The state it came to is an event of its own.
  bool operator()(const events::ReleaseAsked&) const { return false; }

  bool operator()(const events::Paused& e) const {
    out.standing = Standing::firing;
    out.title = out.service + ": requests wait at the door";
    out.next = "switchback resume " + out.service;
    return door(e.actor);
  }
  bool operator()(const events::Resumed& e) const {
    out.standing = Standing::resolved;
    out.title = out.service + ": the door is open";
    return door(e.actor);
  }

  bool operator()(const events::RehearsalFailed& e) const {
    out.kind = NotifyKind::rehearsal;
    out.title = out.service + ": a rehearsal of the rollback failed";
    out.text = e.fault;
    out.next = "switchback readiness " + out.service;
    return true;
  }

  bool operator()(const events::Reloaded& e) const {
    out.kind = NotifyKind::reload;
    out.title =
        e.adopted ? "the configuration was read again" : "a reload was REFUSED; nothing changed";
    out.text = e.text;
    if (!e.adopted) out.next = "switchback check --config FILE";
    return true;
  }

  bool operator()(const events::AuditAnchored& e) const {
    out.kind = NotifyKind::anchor;
    out.title = "audit head: seq " + std::to_string(e.seq) + " hash " + e.hash;
    return true;
  }

  bool operator()(const events::ServerEjected&) const { return false; }
  bool operator()(const events::PanicChanged&) const { return false; }  // its alarm is told
  // What follows from it comes as an alarm, a step of the bake or of the switch.
  bool operator()(const events::VerdictReached&) const { return false; }

 private:
  bool door(const std::string& actor) const {
    out.kind = NotifyKind::pause;
    out.key = "pause:" + out.service;
    out.text = "by " + actor;
    return true;
  }
  bool alarm(const std::string& code, const std::string& text, bool over) const;
};

bool Words::alarm(const std::string& code, const std::string& text, bool over) const {
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
  out.text = text;
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

}  // namespace

std::optional<Message> message_of(const events::Event& event,
                                  const std::vector<std::string>& services) {
  Message out;
  out.service = events::service_of(event);
  if (!std::visit(Words{out, services}, event.body())) return std::nullopt;
  out.id = std::to_string(event.id());
  out.event = event.type();
  out.at = events::time_of(event);
  out.data = event.json();
  return out;
}

}  // namespace switchback::notify
