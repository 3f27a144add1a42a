#include "admin/readiness/judge.hpp"

#include <algorithm>
#include <cstdio>

#include "admin/readiness/words.hpp"

namespace switchback::readiness {
namespace {

using release::ms_words;
using release::span_words;

constexpr std::int64_t day_us = 24LL * 3600 * 1'000'000;
constexpr std::int64_t token_warning_us = 14 * day_us;
// A measured rollback or drill older than this says little about today's (rollback.md §5).
constexpr std::int64_t time_warning_us = 30 * day_us, time_failure_us = 45 * day_us;
constexpr std::size_t hands_wanted = 2;
constexpr int intervals_until_unknown = 3;

void worsen(Answer& answer, Grade grade, std::string trouble) {
  answer.grade = std::max(answer.grade, grade);
  answer.trouble.push_back(std::move(trouble));
}

Answer begun(Question question) {
  Answer answer;
  answer.question = question;
  answer.grade = Grade::ok;
  return answer;
}

std::string on_call_line(const Facts& facts, Answer& answer) {
  std::string line;
  for (const std::string& name : facts.on_call) {
    line += line.empty() ? "on call now: " : "; ";
    line += name;
    const auto found = std::find_if(facts.people.begin(), facts.people.end(),
                                    [&](const auto& person) { return person.name == name; });
    if (found == facts.people.end() || found->role < config::Role::operate) {
      worsen(answer, Grade::fail,
             name +
                 " is on call and may not roll back: give the role operate (admin.access or "
                 "`switchback token new " +
                 name + " --role operate`)");
      continue;
    }
    if (found->token_expires_us != 0) {
      line += ", token valid " + span_words(found->token_expires_us - facts.now_wall_us);
      if (found->token_expires_us - facts.now_wall_us < token_warning_us)
        worsen(answer, Grade::warn, "the token of " + name + " ends soon: switchback token rotate");
    }
    line += found->last_operated_us == 0
                ? ", has never done it"
                : ", did it " + age_words(facts.now_wall_us - found->last_operated_us);
  }
  return line;
}

Answer who(const Facts& facts) {
  Answer answer = begun(Question::who);
  std::vector<std::pair<std::int64_t, std::string>> proved;
  for (const auto& person : facts.people) {
    if (person.role < config::Role::operate || person.last_operated_us == 0) continue;
    const std::int64_t ago = facts.now_wall_us - person.last_operated_us;
    if (ago < people::proof_lasts_us) proved.emplace_back(ago, person.name);
  }
  std::sort(proved.begin(), proved.end());
  std::string line = count_words(facts.hands.able, "person holds", "people hold") + " `operate`; " +
                     std::to_string(facts.hands.proven) + " proved it in 90 d";
  for (std::size_t i = 0; i < proved.size() && i < 6; ++i) {
    line += (i == 0 ? " (" : ", ") + proved[i].second + " " + age_words(proved[i].first);
  }
  answer.lines.push_back(line + (proved.empty() ? "" : ")"));
  if (const auto on_call = on_call_line(facts, answer); !on_call.empty())
    answer.lines.push_back(on_call);
  if (facts.hands.able == 0) {
    worsen(answer, Grade::fail,
           "nobody but root may roll back: add a rule to admin.access, or `switchback token new`");
  } else if (facts.hands.proven < hands_wanted) {
    worsen(answer, Grade::warn,
           "fewer than two people have done it within 90 d: let another one flip or roll back");
  }
  answer.facts = {{"able", std::to_string(facts.hands.able), 0, "configuration and tokens"},
                  {"proven_90d", std::to_string(facts.hands.proven),
                   proved.empty() ? 0 : facts.now_wall_us - proved.front().first, "receipts"}};
  return answer;
}

void rehearsed(const Facts& facts, Answer& answer) {
  const std::int64_t period_us = facts.rehearsal_period.count() * 1000;
  if (period_us == 0) {
    worsen(answer, Grade::warn, "rehearsals are switched off: null_flip: 60s");
    return;
  }
  const std::int64_t limit_us = intervals_until_unknown * period_us;
  const auto& good = facts.good_rehearsal;
  // By the clock that does not jump: a clock that was set says nothing about the way back.
  const std::int64_t ago = good ? (facts.now_ns - good->at_ns) / 1000 : 0;
  if (good) {
    answer.lines.push_back("same path rehearsed " + age_words(ago) + " by null flip #" +
                           std::to_string(good->number) + ": " + ms_words(good->ms));
    answer.facts.push_back({"null_flip_ms", ms_words(good->ms), good->wall_us, "null flip"});
  }
  const auto& last = facts.rehearsal;
  if (last && !last->ok && !last->dropped) {
    worsen(answer, Grade::fail,
           "the rehearsal " + age_words((facts.now_ns - last->at_ns) / 1000) +
               " failed: " + last->fault);
  } else if (good && ago > limit_us) {
    worsen(answer, Grade::unknown, "no rehearsal went through for " + span_words(ago));
  } else if (!good && facts.up_ns / 1000 > limit_us) {
    worsen(answer, Grade::unknown, "no rehearsal went through since the start");
  } else if (!good) {
    worsen(answer, Grade::warn,
           "not rehearsed yet; the first one comes within " + span_words(2 * period_us));
  }
}

Answer how(const Facts& facts) {
  Answer answer = begun(Question::how);
  std::string command = "switchback rollback " + facts.service;
  if (!facts.socket.empty()) {
    command += "     (or: curl -X POST --unix-socket " + facts.socket + " http://x/v1/services/" +
               facts.service + "/rollback)";
  }
  answer.lines.push_back(command);
  answer.facts.push_back({"command", "switchback rollback " + facts.service, 0, "fixed"});
  if (facts.target_state == "lost") {
    worsen(answer, Grade::fail,
           facts.target_release +
               " is gone from the standby: deploy it there again (switchback "
               "release stage), or know that there is no way back");
  } else if (!facts.target) {
    worsen(answer, Grade::fail,
           "there is nothing to go back to: no promote stands that could be undone");
  }
  rehearsed(facts, answer);
  if (facts.hold) {
    answer.lines.push_back("held by " + facts.hold->actor +
                           ": stops promotes and automatic rollbacks, never this command");
  }
  return answer;
}

const release::StageTimes& shown_stage(const release::Durations& of) {
  return of.verified.n > 0 ? of.verified : of.switched;
}

std::string kind_line(const std::string& title, const release::Durations& of,
                      std::int64_t now_wall_us) {
  return title + " to " + (of.verified.n > 0 ? "verified: " : "switched: ") +
         release::words_of(shown_stage(of), of.newest_wall_us, now_wall_us);
}

Answer how_long(const Facts& facts) {
  Answer answer = begun(Question::time);
  const auto& rollbacks = facts.durations.rollbacks;
  const auto& drills = facts.durations.drills;
  answer.lines.push_back(rollbacks.n == 0 ? "rollbacks: not measured"
                                          : kind_line("rollbacks", rollbacks, facts.now_wall_us));
  answer.lines.push_back(drills.n == 0 ? "drills: not measured"
                                       : kind_line("drills", drills, facts.now_wall_us));
  if (rollbacks.n > 0) {
    const auto median = [](const release::StageTimes& stage) {
      return stage.n == 0 ? "not measured" : ms_words(stage.median_ms);
    };
    answer.lines.push_back("command to first request on the target " + median(rollbacks.first_new) +
                           ", to last request on the old side " + median(rollbacks.last_old) +
                           " (medians)");
    // Of the figures that are shown, not of all rollbacks: not each was verified.
    answer.lines.push_back("honesty: " + release::honesty_line(shown_stage(rollbacks).n));
  }
  const std::int64_t newest = std::max(rollbacks.newest_wall_us, drills.newest_wall_us);
  const std::int64_t ago = facts.now_wall_us - newest;
  if (newest == 0) {
    worsen(answer, Grade::warn, "never measured: roll back once when nothing is wrong");
  } else if (ago > time_failure_us) {
    worsen(answer, Grade::fail, "nobody has rolled back for " + span_words(ago));
  } else if (ago > time_warning_us) {
    worsen(answer, Grade::warn, "nobody has rolled back for " + span_words(ago));
  }
  answer.facts = {{"rollbacks", std::to_string(rollbacks.n), rollbacks.newest_wall_us, "receipts"},
                  {"drills", std::to_string(drills.n), drills.newest_wall_us, "receipts"}};
  return answer;
}

Answer data(const Facts& facts) {
  Answer answer = begun(Question::data);
  answer.grade = Grade::none;
  answer.lines.push_back(
      "no database is configured: whether " +
      (!facts.target || facts.target_release.empty() ? "the old release" : facts.target_release) +
      " still runs on today's schema is not known here");
  answer.facts = {{"database", "not configured", 0, "configuration"}};
  return answer;
}

void standing_of(const Facts& facts, Answer& answer) {
  const auto& standing = facts.standing;
  if (!standing.planned) {
    answer.lines.push_back("no verification plan; only health checks speak for the standby");
    worsen(answer, Grade::warn,
           "nothing proves that a rollback worked: write `verify` (docs/verification.md)");
    return;
  }
  const std::int64_t limit_ns = intervals_until_unknown * to_nanos(facts.standing_period);
  // After a switch the other side is the standby: what was not checked since then is young yet.
  Nanos unchecked_ns = facts.up_ns;
  if (facts.active_since_wall_us != 0) {
    const std::int64_t since_us = facts.now_wall_us - facts.active_since_wall_us;
    unchecked_ns = std::min<Nanos>(unchecked_ns, std::max<std::int64_t>(since_us, 0) * 1000);
  }
  const Nanos age_ns = standing.at_ns == 0 ? unchecked_ns : facts.now_ns - standing.at_ns;
  if (age_ns > limit_ns) {
    worsen(answer, Grade::unknown, "the plan was not checked for " + span_words(age_ns / 1000));
  } else if (standing.at_ns == 0) {
    worsen(answer, Grade::warn, "the plan was not checked yet");
  }
  if (standing.at_ns == 0) return;  // nothing was found that could be told
  std::string line = count_words(standing.total, "check", "checks") + "; standby passed " +
                     std::to_string(standing.passed) + "/" + std::to_string(standing.total) + " " +
                     age_words(age_ns / 1000) + "; identity ";
  line += verify::to_string(standing.identity);
  if (standing.identity == verify::Identity::matches && !standing.release.empty())
    line += " " + standing.release;
  answer.lines.push_back(line);
  answer.facts.push_back({"standby_checks",
                          std::to_string(standing.passed) + "/" + std::to_string(standing.total),
                          standing.at_wall_us, "verification"});
  for (const auto& check : standing.failing) {
    worsen(answer, Grade::fail,
           "check " + check.name + (check.server.empty() ? "" : " at " + check.server) +
               " fails: " + check.observed +
               (check.expected.empty() ? "" : ", wanted " + check.expected));
  }
  if (standing.identity == verify::Identity::differs)
    worsen(answer, Grade::fail, "the standby is another version than " + standing.release);
}

Answer verified(const Facts& facts) {
  Answer answer = begun(Question::verify);
  if (!facts.target) {
    worsen(answer, Grade::fail, "nothing to check: there is nothing to go back to (2 HOW)");
    return answer;
  }
  standing_of(facts, answer);
  const auto& fitness = facts.fitness;
  if (fitness.healthy == 0) worsen(answer, Grade::fail, "no server of the standby is healthy");
  char text[160];
  std::snprintf(text, sizeof text, "capacity %u/%u up", fitness.healthy, fitness.servers);
  std::string line = text;
  if (fitness.peak_rps_per_server > 0) {
    std::snprintf(text, sizeof text, ", has carried %.0f requests/s %s %.0f now",
                  fitness.proven_rps(), fitness.proven_rps() >= facts.rps_now ? ">=" : "<",
                  facts.rps_now);
    line += text;
    if (fitness.proven_rps() < bake::proven_share_needed * facts.rps_now)
      worsen(answer, Grade::warn, "the standby has never carried as much as there is now");
  } else {
    line += ", what it carries was never measured";
    worsen(answer, Grade::warn, "the standby's capacity was never measured");
  }
  answer.lines.push_back(line);
  answer.facts.push_back({"healthy",
                          std::to_string(fitness.healthy) + "/" + std::to_string(fitness.servers),
                          0, "health checks"});
  answer.facts.push_back({"proven_rps", std::to_string(static_cast<long>(fitness.proven_rps())),
                          fitness.peak_wall_us, "traffic while active"});
  return answer;
}

std::string cost_line(const Facts& facts) {
  const auto& cost = facts.cost;
  if (cost.requests_per_second <= 0) return "no traffic";
  char text[200];
  const double share = cost.bad_per_second / cost.requests_per_second;
  // Of the same seconds as the share: five minutes would tell of the release before this one.
  const double burn = cost.objective < 1 ? share / (1 - cost.objective) : 0;
  if (cost.bad_per_second <= 0) {
    std::snprintf(text, sizeof text, "none: 0 of %.0f requests/s fail (objective %.6g %%)",
                  cost.requests_per_second, cost.objective * 100);
    return text;
  }
  std::snprintf(
      text, sizeof text,
      "%s fails %.1f/s (%.2g %% of the last 10 s; objective %.6g %%): burn %.1fx = %.2g %% "
      "of the 30-day error budget per hour",
      facts.active_release.empty() ? "the active side" : facts.active_release.c_str(),
      cost.bad_per_second, share * 100, cost.objective * 100, burn, burn / 7.2);
  return text;
}

}  // namespace

Readiness judge(const Facts& facts) {
  Readiness out;
  out.answers = {who(facts), how(facts), how_long(facts), data(facts), verified(facts)};
  out.cost = cost_line(facts);
  Grade worst = Grade::ok;
  for (const Answer& answer : out.answers) {
    worst = std::max(worst, answer.grade);
    if (answer.grade >= Grade::unknown && out.failing.empty()) {
      out.failing = to_string(answer.question);
      out.reason = answer.trouble.empty() ? "" : answer.trouble.front();
    }
  }
  out.overall = worst >= Grade::unknown ? Overall::not_ready
                : worst == Grade::warn  ? Overall::degraded
                                        : Overall::ready;
  return out;
}

std::string_view to_string(Question question) {
  constexpr std::array<std::string_view, question_count> words = {"who", "how", "time", "data",
                                                                  "verify"};
  return words[static_cast<std::size_t>(question)];
}

std::string_view to_string(Grade grade) {
  constexpr std::array<std::string_view, 5> words = {"ok", "none", "warn", "unknown", "fail"};
  return words[static_cast<std::size_t>(grade)];
}

std::string_view to_string(Overall overall) {
  constexpr std::array<std::string_view, 3> words = {"READY", "DEGRADED", "NOT READY"};
  return words[static_cast<std::size_t>(overall)];
}

}  // namespace switchback::readiness
