#include "proxy/dns/lookup.hpp"

#include <algorithm>

#include "proxy/dns/search_list.hpp"

namespace switchback::dns {

namespace {

bool found(const Answer& answer) {
  return answer.v4.outcome == Outcome::found || answer.v6.outcome == Outcome::found;
}

bool failed(const Answer& answer) {
  return answer.v4.outcome == Outcome::failed || answer.v6.outcome == Outcome::failed;
}

// An IPv6 address is of no use to a host without IPv6: it is left out where others have a route.
void drop_unroutable(Answer& answer) {
  if (answer.v4.outcome != Outcome::found || answer.v6.outcome != Outcome::found) return;
  auto& v6 = answer.v6.addresses;
  std::erase_if(v6, [](const Ip& ip) { return can_be_a_server(ip) && !has_route(ip); });
  if (v6.empty()) answer.v6.outcome = Outcome::no_address;
}

std::string in_ms(Nanos ns) {
  return std::to_string(ns / 1'000'000) + "ms";
}

}  // namespace

LookupSettings lookup_settings(const config::Dns& settings) {
  LookupSettings out;
  out.system = settings.servers.empty();
  out.source.timeout_ns = to_nanos(settings.timeout);
  out.source.family = settings.family;
  for (const config::Address& server : settings.servers) {
    const bool v6 = server.host.find(':') != std::string::npos;
    if (!out.source.servers.empty()) out.source.servers += ',';
    out.source.servers +=
        (v6 ? "[" + server.host + "]" : server.host) + ":" + std::to_string(server.port);
  }
  return out;
}

Lookup::Lookup(const std::string& name, const LookupSettings& settings, bool known, Nanos now_ns)
    : settings_(settings), known_(known) {
  if (settings_.system) {
    std::string plain = name;
    if (!plain.empty() && plain.back() == '.') plain.pop_back();
    Question hosts(plain, Question::From::hosts_file, settings_.source);
    Answer answer = hosts.done() ? hosts.take() : Answer{};
    if (found(answer)) {
      finish(std::move(answer));
      return;
    }
  }
  names_ = full_names(name, settings_.system ? read_search_list() : SearchList{});
  std::reverse(names_.begin(), names_.end());
  ask_next(now_ns);
}

void Lookup::ask_next(Nanos now_ns) {
  while (!done_ && !question_) {
    deadline_ns_ = now_ns + settings_.source.timeout_ns;
    const std::string name = std::move(names_.back());
    names_.pop_back();
    question_ = std::make_unique<Question>(name, Question::From::name_servers, settings_.source);
    advance();
  }
}

// Takes an answer that is complete, and decides what it means for the rest of the list.
void Lookup::advance() {
  if (!question_ || !question_->done()) return;
  Answer answer = question_->take();
  question_.reset();
  const bool stop = failed(answer) && known_;
  if (found(answer) || stop || names_.empty()) {
    if (!found(answer) && !failed(answer) && failed_before_) {
      answer.v4.outcome = answer.v6.outcome = Outcome::failed;
      answer.v4.error = answer.v6.error = error_;
    } else if (!found(answer) && !failed(answer) && address_less_) {
      answer.v4.outcome = answer.v6.outcome = Outcome::no_address;
    }
    finish(std::move(answer));
    return;
  }
  if (failed(answer)) {
    failed_before_ = true;
    error_ = answer.v4.outcome == Outcome::failed ? answer.v4.error : answer.v6.error;
  } else if (answer.v4.outcome == Outcome::no_address || answer.v6.outcome == Outcome::no_address) {
    address_less_ = true;
  }
}

void Lookup::finish(Answer answer) {
  drop_unroutable(answer);
  answer_ = std::move(answer);
  done_ = true;
}

void Lookup::collect(std::vector<pollfd>& fds) {
  const std::size_t before = fds.size();
  if (question_) question_->collect(fds);
  watched_ = fds.size() - before;
}

void Lookup::process(const pollfd* fds, std::size_t n, Nanos now_ns) {
  if (!question_) return;
  question_->process(fds, n);
  if (!question_->done() && now_ns >= deadline_ns_) {
    question_->give_up("no answer in " + in_ms(settings_.source.timeout_ns));
  }
  advance();
  ask_next(now_ns);
}

Nanos Lookup::wait_ns(Nanos now_ns) const {
  if (!question_) return 0;
  return question_->wait_ns(std::max<Nanos>(deadline_ns_ - now_ns, 0));
}

}  // namespace switchback::dns
