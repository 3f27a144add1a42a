// What has to be done about people while time passes: rows into the ledger, warnings before tokens
// end, the file that says who is on call, anchors of the audit chain.
//
// Threads: everything on the control thread; files are read and written on a lane of its own, so
// that a slow disk makes facts old, not answers late. Lifetime: io and people outlive this; nothing
// of it is called after the destructor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "admin/people/anchors.hpp"
#include "admin/people/people.hpp"

namespace switchback::people {

struct KeeperOptions {
  std::chrono::milliseconds tick{1000};
  std::int64_t anchor_every_us = hour_us;
  std::uint64_t anchor_after_entries = 256;  // or when so many have come since the last one
  std::int64_t write_out_every_us = 60'000'000;
  std::int64_t on_call_every_us = 5'000'000;
  std::function<std::int64_t()> now_us;  // the wall clock; empty: the real one
};

class Keeper {
 public:
  struct Notices {  // alarms; the same text again is no news
    std::function<void(std::string code, std::string text)> raise;
    std::function<void(std::string code)> clear;
    std::function<void(const Anchor&)> anchored;  // whoever else keeps it; may be empty
  };
  // anchor_file: state_dir/audit-anchor. Takes what the ledger remembers as soon as it can be read.
  Keeper(boost::asio::io_context& io, People& people, ledger::Ledger& ledger,
         std::string anchor_file, Notices notices, KeeperOptions options = {});
  ~Keeper();
  Keeper(const Keeper&) = delete;

  void start(const config::Admin& admin);
  void adopt(const config::Admin& admin);
  // The ledger was moved aside or replaced: what memory knows is written again, and the anchors
  // begin anew.
  void ledger_begun_anew(const std::string& why);
  // Before an end: what memory holds is written, as far as a second allows, and the head is
  // anchored.
  void finish();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace switchback::people
