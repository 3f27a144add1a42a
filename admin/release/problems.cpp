#include "admin/release/problems.hpp"

namespace switchback::release::problems {

Problem make(unsigned status, const char* code, std::string title, std::string detail,
             std::string next, int exit_code) {
  Problem problem;
  problem.status = status;
  problem.code = code;
  problem.title = std::move(title);
  problem.detail = std::move(detail);
  problem.next = std::move(next);
  problem.exit_code = exit_code;
  return problem;
}

namespace {

std::string name_of(const worker::ServiceView& view, Color color) {
  const auto& release = view.pools[index_of(color)].release;
  return std::string(to_string(color)) + (release.empty() ? "" : " (" + release + ")");
}

std::string candidates(const worker::ServiceView& view) {
  return name_of(view, Color::blue) + (view.active == Color::blue ? ", active" : "") + "; " +
         name_of(view, Color::green) + (view.active == Color::green ? ", active" : "");
}

std::string flip_command(const worker::ServiceView& view, Color to) {
  return "switchback flip " + view.service + " --to " + std::string(to_string(to));
}

}  // namespace

Problem unknown_service(const std::string& service) {
  return make(404, "unknown_service", "there is no service " + service,
              "no service of that name is configured", "switchback status", 2);
}

Problem missing_to(const worker::ServiceView& view) {
  return make(422, "missing_to", "say where to flip to",
              "`to` names a color or a release: " + candidates(view),
              flip_command(view, other(view.active)), 2);
}

Problem unknown_target(const worker::ServiceView& view, const std::string& to) {
  return make(422, "unknown_target", view.service + " has no color or release " + to,
              "candidates: " + candidates(view), flip_command(view, other(view.active)), 2);
}

Problem stale_epoch(const worker::ServiceView& view, std::uint64_t expected) {
  return make(412, "stale_epoch", view.service + " has moved on since you looked",
              "If-Match says epoch " + std::to_string(expected) + ", it is epoch " +
                  std::to_string(view.epoch) + " with " + name_of(view, view.active) + " active",
              "switchback status " + view.service, 10);
}

Problem standby_unfit(const worker::ServiceView& view, Color to, const std::string& why,
                      bool rollback) {
  auto next =
      rollback ? "switchback status " + view.service : flip_command(view, to) + " --force '<why>'";
  return make(409, "standby_unfit", name_of(view, to) + " cannot take the traffic", why,
              std::move(next), 21);
}

Problem nothing_to_roll_back_to(const worker::ServiceView& view) {
  return make(409, "nothing_to_roll_back_to", "there is nothing to roll back to",
              view.service + " has been on " + name_of(view, view.active) +
                  " since its state began: no promotion was ever made",
              flip_command(view, other(view.active)), 22);
}

Problem not_durable(const worker::ServiceView& view, const std::string& why) {
  return make(503, "not_durable", "the decision could not be put on disk, so nothing was moved",
              why + "; " + name_of(view, view.active) +
                  " stays active. A rollback would go on all "
                  "the same",
              "switchback status " + view.service, 23);
}

Problem preempted(const std::string& service) {
  return make(409, "preempted", "a rollback came first",
              "a rollback of " + service + " was asked for while this promote had not moved yet",
              "switchback status " + service, 10);
}

Problem busy(const std::string& service) {
  return make(503, "busy", "too many promotes wait for their turn",
              service + " is being switched, and the queue behind it is full",
              "switchback status " + service, 10);
}

Problem key_reused(const std::string& key) {
  return make(422, "idempotency_key_reused", "this idempotency key was used for something else",
              "key " + key + " belongs to another request; take a new key for a new request", "",
              2);
}

Problem bad_pause(const std::string& service) {
  return make(422, "bad_max", "a pause lasts between 1ms and 10m",
              "max bounds how long requests wait at the door; it opens by itself after it",
              "switchback pause " + service + " --max 30s", 2);
}

}  // namespace switchback::release::problems
