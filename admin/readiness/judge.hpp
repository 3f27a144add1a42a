// The five questions of a rollback plan, answered from facts: pure, no clock, no I/O. Each answer
// says how good it is, in words, and names the facts behind it with their age and source; what was
// not measured is never guessed (docs/readiness.md).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "admin/readiness/facts.hpp"

namespace switchback::readiness {

enum class Question : std::uint8_t { who, how, time, data, verify };
inline constexpr std::size_t question_count = 5;
std::string_view to_string(Question question);  // "who"

// none: does not apply here. unknown: not measured for three intervals; counts as a failure, since
// a way back that nobody has seen work is none.
enum class Grade : std::uint8_t { ok, none, warn, unknown, fail };
std::string_view to_string(Grade grade);

struct Fact {
  std::string name, value;
  std::int64_t at_wall_us = 0;  // when it was measured; 0: it is as old as this answer
  std::string source;           // "null flip", "receipts", "configuration", …
};

struct Answer {
  Question question = Question::who;
  Grade grade = Grade::unknown;
  std::vector<std::string> lines;    // for people, the most important first
  std::vector<std::string> trouble;  // what keeps it from ok, each with what mends it
  std::vector<Fact> facts;
};

enum class Overall : std::uint8_t { ready, degraded, not_ready };
std::string_view to_string(Overall overall);  // "READY"

struct Readiness {
  Overall overall = Overall::not_ready;
  std::array<Answer, question_count> answers;
  std::string cost;  // what waiting costs now, one line
  // Of the first question that is not answered: for gaps and events. "" when READY or DEGRADED.
  std::string failing;  // "how"
  std::string reason;
};

Readiness judge(const Facts& facts);

}  // namespace switchback::readiness
