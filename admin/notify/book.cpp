#include "admin/notify/book.hpp"

namespace switchback::notify {

Message Book::tell(Thing& thing, Nanos now_ns) {
  Message out = thing.newest;
  out.changes = thing.changes;
  thing.told_firing = thing.newest.standing == Standing::firing;
  thing.told_ns = now_ns;
  thing.waits = false;
  thing.changes = 0;
  return out;
}

std::optional<Message> Book::take(Message message, Nanos now_ns) {
  if (message.standing == Standing::event || message.key.empty()) return message;
  const bool firing = message.standing == Standing::firing;
  auto found = things_.find(message.key);
  if (found == things_.end()) {
    // The end of what nobody was told of is no news.
    if (!firing) return ++kept_back_, std::nullopt;
    if (things_.size() >= most_keys) return message;
    const std::string key = message.key;
    found = things_.emplace(key, Thing{std::move(message)}).first;
    found->second.changes = 1;
    return tell(found->second, now_ns);
  }
  Thing& thing = found->second;
  const bool was_firing = thing.newest.standing == Standing::firing;
  thing.newest = std::move(message);
  if (firing && !was_firing) ++thing.changes;
  const bool news = firing != thing.told_firing;
  if (news && now_ns - thing.told_ns >= settle_ns && (firing || resolved_))
    return tell(thing, now_ns);
  thing.waits = news;
  ++kept_back_;
  return std::nullopt;
}

std::vector<Message> Book::due(Nanos now_ns) {
  std::vector<Message> out;
  for (auto at = things_.begin(); at != things_.end();) {
    Thing& thing = at->second;
    const bool firing = thing.newest.standing == Standing::firing;
    const bool settled = now_ns - thing.told_ns >= settle_ns;
    if (thing.waits && settled && (firing || resolved_)) {
      out.push_back(tell(thing, now_ns));
    } else if (firing && thing.told_firing && repeat_ns_ > 0 &&
               now_ns - thing.told_ns >= repeat_ns_) {
      out.push_back(tell(thing, now_ns));
      out.back().again = true;
      out.back().id += "-" + std::to_string(now_ns / 1'000'000'000);
    }
    at = !firing && settled ? things_.erase(at) : std::next(at);
  }
  return out;
}

}  // namespace switchback::notify
