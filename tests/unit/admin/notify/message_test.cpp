// Events become words that name what is so, and the command to type next.
#include "admin/notify/message.hpp"

#include <boost/json.hpp>

#include "admin/notify/courier.hpp"
#include "admin/notify/files.hpp"
#include "admin/notify/signature.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::notify {
namespace {

namespace json = boost::json;
using config::NotifyKind;
using events::FlipKind;
using events::FlipStep;

std::optional<Message> told(events::Body body) {
  return message_of({12, std::move(body), 1'700'000'000'000'000}, {"shop", "cart"});
}

events::Receipt receipt(FlipKind kind) {
  events::Receipt out;
  out.service = "shop";
  out.kind = kind;
  out.from = Color::green;
  out.to = Color::blue;
  out.from_release = "v1.3";
  out.to_release = "v1.2";
  out.actor = "uid 1 (dana)";
  out.reason = "5xx <everywhere> & more";
  out.moved = true;
  out.stages_ms.switched = 0.5;
  out.wall_us = 1'763'776'800'000'000;
  return out;
}

std::optional<Message> told(FlipStep step, FlipKind kind) {
  return told(events::FlipStepped{step, receipt(kind)});
}

TEST_CASE("switches say where traffic is, from where, by whom, why") {
  const auto back = told(FlipStep::switched, FlipKind::rollback);
  REQUIRE(back);
  CHECK(back->kind == NotifyKind::rollback);
  CHECK(back->title == "shop: rolled back to BLUE v1.2, from GREEN v1.3");
  CHECK(back->text == "by uid 1 (dana); 5xx <everywhere> & more; switched in 0.5 ms");
  CHECK(back->next == "switchback status shop");
  CHECK(back->standing == Standing::event);
  CHECK(told(FlipStep::switched, FlipKind::auto_rollback)->kind == NotifyKind::rollback);
  CHECK_THAT(told(FlipStep::switched, FlipKind::auto_rollback)->title,
             ContainsSubstring("BY ITSELF"));
  const auto on = told(FlipStep::switched, FlipKind::promote);
  CHECK(on->kind == NotifyKind::flip);
  CHECK(on->next == "switchback rollback shop");
  CHECK(told(FlipStep::switched, FlipKind::drill)->kind == NotifyKind::flip);
  auto not_durable = receipt(FlipKind::rollback);
  not_durable.durable = false;
  CHECK_THAT(told(events::FlipStepped{FlipStep::switched, not_durable})->text,
             ContainsSubstring("NOT on disk"));
  CHECK_THAT(told(FlipStep::recovered, FlipKind::rollback)->title,
             ContainsSubstring("died during"));
  CHECK_FALSE(told(FlipStep::drained, FlipKind::rollback));
  CHECK_FALSE(told(FlipStep::superseded, FlipKind::rollback));
}

TEST_CASE("proofs, refusals, readiness and holds have their words") {
  auto proved = receipt(FlipKind::promote);
  proved.verification = events::Verification{.verdict = "INCONCLUSIVE", .label = "identity: v1.1"};
  const auto unproved = told(events::FlipStepped{FlipStep::unverified, proved});
  CHECK(unproved->kind == NotifyKind::verified);
  CHECK(unproved->text == "identity: v1.1; INCONCLUSIVE");
  CHECK(unproved->next == "switchback verify shop");
  CHECK(told(events::FlipStepped{FlipStep::regressed, proved})->next == "switchback rollback shop");
  const auto refused = told(events::FlipRefused{
      .service = "shop", .kind = FlipKind::promote, .title = "held", .actor = "dana"});
  CHECK(refused->kind == NotifyKind::refused);
  CHECK(refused->title == "shop: a promote was refused: held");
  const auto gap = told(events::ReadinessChanged{.service = "shop",
                                                 .ready = false,
                                                 .overall = "NOT READY",
                                                 .question = "2 HOW",
                                                 .reason = "no target"});
  CHECK(gap->standing == Standing::firing);
  CHECK(gap->key == "readiness:shop");
  CHECK(gap->text == "2 HOW; no target");
  CHECK(told(events::ReadinessChanged{.service = "shop", .ready = true, .overall = "DEGRADED"})
            ->standing == Standing::resolved);
  const auto held =
      told(events::HoldChanged{events::HoldStep::placed, {.service = "shop", .actor = "dana"}});
  CHECK(held->kind == NotifyKind::hold);
  CHECK(held->title == "shop: held by dana");
  CHECK(told(events::HealthChanged{
                 .service = "shop", .color = Color::blue, .server = "a:1", .to = "unreachable"})
            ->standing == Standing::firing);
}

TEST_CASE("alarms stand until they are cleared, and know whose they are") {
  const auto alarm = told(events::AlarmRaised{"regressed:shop", "worse"});
  CHECK(alarm->kind == NotifyKind::regressed);
  CHECK(alarm->service == "shop");
  CHECK(alarm->key == "regressed:shop");
  CHECK(alarm->standing == Standing::firing);
  CHECK(alarm->next == "switchback rollback shop");
  const auto over = told(events::AlarmCleared{"regressed:shop"});
  CHECK(over->standing == Standing::resolved);
  CHECK(over->key == alarm->key);
  CHECK(over->next.empty());
  const auto disk = told(events::AlarmRaised{"ledger_unwritable", "no space"});
  CHECK(disk->kind == NotifyKind::alarm);
  CHECK(disk->service.empty());
  CHECK(told(events::AlarmRaised{"notify_failing:shop2", ""})->service.empty());
}

TEST_CASE("what is no message is none, whatever the event holds") {
  CHECK_FALSE(told(events::ServerEjected{.service = "shop"}));
  CHECK_FALSE(told(events::ReleaseAsked{.service = "shop"}));
  CHECK_FALSE(told(events::VerdictReached{"shop", {}}));
  CHECK_FALSE(told(events::BakeStepped{.step = events::BakeStep::blocked}));
  const events::Body empty[] = {events::FlipStepped{FlipStep::switched, {}},
                                events::FlipStepped{FlipStep::verified, {}},
                                events::AlarmRaised{},
                                events::AlarmCleared{},
                                events::ReadinessChanged{},
                                events::HoldChanged{},
                                events::BakeStepped{.step = events::BakeStep::over},
                                events::ReleaseMoved{},
                                events::HealthChanged{},
                                events::Paused{},
                                events::Resumed{},
                                events::Reloaded{},
                                events::AuditAnchored{},
                                events::RehearsalFailed{},
                                events::FlipRefused{}};
  for (const auto& body : empty) {
    INFO(events::Event(1, body, 0).type());
    CHECK(told(body));
  }
}

TEST_CASE("both forms carry the words; slack's own signs are escaped") {
  const auto message = *told(FlipStep::switched, FlipKind::rollback);
  const auto slack =
      json::parse(body_of(message, config::NotifyFormat::slack, "edge-1", 2)).as_object();
  CHECK(slack.size() == 1);
  const std::string text(slack.at("text").as_string());
  CHECK_THAT(text, ContainsSubstring("*shop: rolled back to BLUE v1.2, from GREEN v1.3*"));
  CHECK_THAT(text, ContainsSubstring("5xx &lt;everywhere&gt; &amp; more"));
  CHECK_THAT(text, ContainsSubstring("next: `switchback status shop`"));
  CHECK_THAT(text, ContainsSubstring("2 messages before this one were left out"));
  CHECK_THAT(text, ContainsSubstring("edge-1"));
  const auto whole =
      json::parse(body_of(message, config::NotifyFormat::json, "edge-1", 0)).as_object();
  CHECK(whole.at("kind") == "rollback");
  CHECK(whole.at("state") == "event");
  CHECK(whole.at("id") == "12");
  CHECK(whole.at("data").as_object().at("from") == "green");
  CHECK(whole.at("host") == "edge-1");
}

TEST_CASE("signatures are those of Standard Webhooks") {
  // Made with Python's hmac and base64 modules.
  CHECK(webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                          1614265330, R"({"test": 2432232314})") ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  CHECK(webhook_signature("plain", "1", 2, "x") != webhook_signature("other", "1", 2, "x"));
}

TEST_CASE("answers: which are good, which are worth another attempt") {
  CHECK(judge_status(204, "").good);
  for (const unsigned status : {500u, 503u, 429u, 408u})
    CHECK_FALSE(judge_status(status, "").hopeless);
  for (const unsigned status : {301u, 400u, 404u, 410u}) CHECK(judge_status(status, "").hopeless);
  CHECK(judge_status(429, "7").retry_after_ns == 7'000'000'000);
  CHECK(judge_status(429, "Fri, 31 Dec 1999").retry_after_ns == 0);
  const std::int64_t now_us = 784'111'777'000'000;  // Sun, 06 Nov 1994 08:49:37 GMT
  for (const char* date : {"Sun, 06 Nov 1994 08:49:47 GMT", "Sunday, 06-Nov-94 08:49:47 GMT",
                           "Sun Nov  6 08:49:47 1994"}) {
    INFO(date);
    CHECK(judge_status(503, date, now_us).retry_after_ns == 10'000'000'000);
  }
  CHECK(judge_status(429, "Sun, 06 Nov 1994 08:49:07 GMT", now_us).retry_after_ns == 0);
  CHECK(judge_status(429, "Sun, 06 Nov 1994 08:49:47 GMT and more", now_us).retry_after_ns == 0);
}

TEST_CASE("files of fields and secrets are read strictly, and never shown") {
  const test::TempDir folder;
  std::string fault;
  const auto good = folder.write("good", "# ours\nAuthorization: Bearer abc\r\n\nX-Team:ops\n");
  const auto fields = read_fields_file(good, fault);
  CHECK(fault.empty());
  REQUIRE(fields.size() == 2);
  CHECK(fields[0].second == "Bearer abc");
  CHECK(fields[1].first == "X-Team");
  for (const char* text :
       {"Bearer secret-abc", "Host: x", "Content-Length: 5", "A B: secret-abc"}) {
    fault.clear();
    CHECK(read_fields_file(folder.write("bad", text), fault).empty());
    CHECK_THAT(fault, ContainsSubstring("line 1"));
    CHECK(fault.find("secret-abc") == std::string::npos);
  }
  fault.clear();
  CHECK(read_first_line(folder.write("line", "  one \ntwo\n"), fault) == "one");
  CHECK(fault.empty());
  CHECK(read_first_line(folder.write("empty", "\nx"), fault).empty());
  CHECK_FALSE(fault.empty());
  fault.clear();
  CHECK(read_first_line(folder.file("missing"), fault).empty());
  CHECK_FALSE(fault.empty());
}

}  // namespace
}  // namespace switchback::notify
