// One name looked up once: /etc/hosts, then each full name of the search list until one has an
// address.
//
// A full name whose question failed: while the name has addresses, the lookup has failed, since a
// later domain of the list might hold another machine of that name. A name that was never resolved
// goes on along the list, as the C library does.
// Threads: one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/dns/question.hpp"

namespace switchback::dns {

struct LookupSettings {
  Source source;
  bool system = true;  // /etc/hosts and the search list count
};
LookupSettings lookup_settings(const config::Dns& settings);

class Lookup {
 public:
  Lookup(const std::string& name, const LookupSettings& settings, bool known, Nanos now_ns);

  bool done() const { return done_; }
  Answer take() { return std::move(answer_); }
  std::size_t watched() const { return watched_; }  // descriptors given at the last collect
  void collect(std::vector<pollfd>& fds);
  void process(const pollfd* fds, std::size_t n, Nanos now_ns);
  Nanos wait_ns(Nanos now_ns) const;

 private:
  void ask_next(Nanos now_ns);
  void advance();
  void finish(Answer answer);

  const LookupSettings settings_;
  const bool known_;
  std::vector<std::string> names_;  // still to be asked, the next one last
  std::unique_ptr<Question> question_;
  Answer answer_;
  Nanos deadline_ns_ = 0;  // of the question
  std::size_t watched_ = 0;
  bool failed_before_ = false;
  bool address_less_ = false;  // some full name exists, without an address
  std::string error_;
  bool done_ = false;
};

}  // namespace switchback::dns
