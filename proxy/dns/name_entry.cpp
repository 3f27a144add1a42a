#include "proxy/dns/name_entry.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace switchback::dns {

namespace {

constexpr Nanos longest_back_off_ns = 30'000'000'000;
constexpr unsigned failures_for_trouble = 3;

// Addresses no server can have are not there.
void drop_impossible(FamilyAnswer& family) {
  if (family.outcome != Outcome::found) return;
  std::erase_if(family.addresses, [](const Ip& ip) { return !can_be_a_server(ip); });
  if (family.addresses.empty()) family.outcome = Outcome::no_address;
}

std::string failures_of(const Answer& answer) {
  const bool v4 = answer.v4.outcome == Outcome::failed, v6 = answer.v6.outcome == Outcome::failed;
  if (v4 && v6 && answer.v4.error == answer.v6.error) return answer.v4.error;
  std::string text;
  if (v4) text = "A: " + answer.v4.error;
  if (v6) text += (text.empty() ? "AAAA: " : "; AAAA: ") + answer.v6.error;
  return text;
}

}  // namespace

bool NameEntry::conclude(Answer answer, const Bounds& bounds, Nanos now_ns, double chance) {
  drop_impossible(answer.v4);
  drop_impossible(answer.v6);
  const auto seen = [this] {
    return std::tuple(status_.changes, status_.error, status_.gone, status_.trouble);
  };
  const auto before = seen();
  const bool failed = answer.v4.outcome == Outcome::failed || answer.v6.outcome == Outcome::failed;
  const bool found = answer.v4.outcome == Outcome::found || answer.v6.outcome == Outcome::found;
  ++status_.lookups;
  status_.error = failures_of(answer);
  if (found) {
    adopt(answer, bounds, now_ns, chance);
  } else if (!failed) {
    const bool unknown =
        answer.v4.outcome == Outcome::no_such_name || answer.v6.outcome == Outcome::no_such_name;
    status_.error = unknown ? "no such name (NXDOMAIN)" : "the name has no address";
    note_negative(bounds, now_ns);
  }
  if (failed || !found) {
    ++status_.failures;
    const Nanos again = now_ns + back_off(bounds, chance);
    status_.ask_ns = found ? std::min(status_.ask_ns, again) : again;
    // The end of the grace is not overslept.
    const bool in_grace = negative_since_ns_ != 0 && !status_.addresses.empty();
    if (in_grace) {
      const Nanos end = negative_since_ns_ + bounds.max_ttl_ns;
      if (end > now_ns) status_.ask_ns = std::min(status_.ask_ns, end);
    }
  } else {
    in_a_row_ = 0;
  }
  status_.trouble = !status_.error.empty() && !loses_nothing(answer) &&
                    (!status_.resolved || (!found && !failed) || in_a_row_ >= failures_for_trouble);
  return before != seen();
}

// One family answers, and the one that fails has no address in force that could be outdated: some
// name servers fail every AAAA question for ever.
bool NameEntry::loses_nothing(const Answer& answer) const {
  const bool v4_fails = answer.v4.outcome == Outcome::failed;
  if ((v4_fails ? answer.v6 : answer.v4).outcome != Outcome::found) return false;
  return std::none_of(status_.addresses.begin(), status_.addresses.end(),
                      [v4_fails](const Ip& ip) { return ip.v6 != v4_fails; });
}

void NameEntry::adopt(const Answer& answer, const Bounds& bounds, Nanos now_ns, double chance) {
  std::vector<Ip> next;
  Nanos ttl_ns = bounds.max_ttl_ns;
  for (const FamilyAnswer* family : {&answer.v4, &answer.v6}) {
    if (family->outcome == Outcome::failed) {
      const bool v6 = family == &answer.v6;
      for (const Ip& ip : status_.addresses) {
        if (ip.v6 == v6) next.push_back(ip);
      }
    } else if (family->outcome == Outcome::found) {
      next.insert(next.end(), family->addresses.begin(), family->addresses.end());
      ttl_ns = std::min(ttl_ns, Nanos{family->ttl_s} * 1'000'000'000);
    }
  }
  put_in_force(std::move(next));
  ttl_ns = std::max(ttl_ns, bounds.min_ttl_ns);
  negative_since_ns_ = 0;
  status_.gone = false;
  status_.resolved = true;
  status_.good_ns = now_ns;
  status_.expires_ns = now_ns + ttl_ns;
  // Up to a tenth early, so that many names do not fall into step.
  const Nanos early = static_cast<Nanos>(static_cast<double>(ttl_ns) * 0.1 * chance);
  status_.ask_ns = now_ns + std::max(ttl_ns - early, bounds.min_ttl_ns);
}

void NameEntry::note_negative(const Bounds& bounds, Nanos now_ns) {
  if (negative_since_ns_ == 0) negative_since_ns_ = now_ns;
  if (status_.addresses.empty() || now_ns - negative_since_ns_ < bounds.max_ttl_ns) return;
  put_in_force({});
  status_.gone = true;
}

// Sorted, so that a name server that rotates its answers changes nothing. Over the limit those in
// force go first: what runs well is not traded for what is new.
void NameEntry::put_in_force(std::vector<Ip> next) {
  std::sort(next.begin(), next.end());
  next.erase(std::unique(next.begin(), next.end()), next.end());
  status_.left_out = next.size() > max_addresses ? next.size() - max_addresses : 0;
  if (status_.left_out > 0) {
    std::stable_partition(next.begin(), next.end(), [&](const Ip& ip) {
      return std::binary_search(status_.addresses.begin(), status_.addresses.end(), ip);
    });
    next.resize(max_addresses);
    std::sort(next.begin(), next.end());
  }
  if (next == status_.addresses) return;
  status_.addresses = std::move(next);
  ++status_.changes;
}

// Doubles from min_ttl to the smaller of max_ttl and 30 s, give or take a fifth.
Nanos NameEntry::back_off(const Bounds& bounds, double chance) {
  const Nanos longest =
      std::max(bounds.min_ttl_ns, std::min(bounds.max_ttl_ns, longest_back_off_ns));
  Nanos pause = std::max<Nanos>(bounds.min_ttl_ns, 1'000'000);
  for (unsigned i = 0; i < in_a_row_ && pause < longest; ++i) pause *= 2;
  if (in_a_row_ < 64) ++in_a_row_;
  pause = std::min(pause, longest);
  return static_cast<Nanos>(static_cast<double>(pause) * (0.8 + 0.4 * chance));
}

}  // namespace switchback::dns
