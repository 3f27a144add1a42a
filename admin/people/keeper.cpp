#include "admin/people/keeper.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "admin/people/on_call.hpp"
#include "config/dates.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::people {

namespace asio = boost::asio;

namespace {

std::int64_t modified_ns(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return -1;
  return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
}

std::string expiring_text(const TokenStore& tokens, std::int64_t now_us) {
  std::string text;
  for (const auto& token : tokens.all()) {
    if (token.state(now_us) != TokenState::expiring) continue;
    // One in its grace after a rotation ends as it was told to.
    bool renewed = false;
    for (const auto& other : tokens.all()) {
      renewed |= other.name == token.name && other.usable(now_us) &&
                 (other.expires_us == 0 || other.expires_us > token.expires_us);
    }
    if (renewed) continue;
    text += (text.empty() ? "" : "; ") + token.name + " expires " +
            config::format_instant(token.expires_us) +
            (token.configured ? " (change its line in admin.tokens)"
                              : " (switchback token rotate " + token.name + ")");
  }
  return text;
}

}  // namespace

struct Keeper::Impl : std::enable_shared_from_this<Keeper::Impl> {
  Impl(asio::io_context& context, People& who, ledger::Ledger& book, std::string file, Notices n,
       KeeperOptions o)
      : io(context),
        people(who),
        ledger(book),
        anchor_file(std::move(file)),
        notices(std::move(n)),
        options(o),
        timer(context) {}

  asio::io_context& io;
  People& people;
  ledger::Ledger& ledger;
  const std::string anchor_file;
  const Notices notices;
  const KeeperOptions options;
  asio::steady_timer timer;
  asio::thread_pool lane{1};
  bool over = false;

  std::string on_call_file;
  Rota rota;
  std::int64_t rota_modified_ns = 0;
  bool rota_asked = false;

  std::map<std::string, std::string> alarms;  // ours that stand
  std::uint64_t anchored_seq = 0;
  bool anchors_read = false, chain_checked = false;
  std::int64_t next_anchor_us = 0, next_write_us = 0, next_rota_us = 0;

  std::int64_t now() const { return options.now_us ? options.now_us() : wall_us(); }
  void start();
  void restore();
  void tick();
  void tell(const std::string& code, const std::string& text);  // "": the alarm is over
  void look_at_rota(std::int64_t now_us);
  void warn();
  void read_anchor_file();
  void check_chain();
  void anchor(std::int64_t now_us, bool at_once);
  void write_anchor(Anchor anchor);

  // Work for the lane, and what follows from it back on the control thread.
  template <class Work, class Then>
  void on_lane(Work work, Then then) {
    asio::post(lane, [self = weak_from_this(), &context = io, work = std::move(work),
                      then = std::move(then)]() mutable {
      auto result = work();
      asio::post(context, [self, result = std::move(result), then = std::move(then)]() mutable {
        if (const auto impl = self.lock(); impl && !impl->over) then(*impl, std::move(result));
      });
    });
  }
};

void Keeper::Impl::start() {
  restore();
  read_anchor_file();
  tick();
}

void Keeper::Impl::restore() {
  const auto bring = [this](ledger::Table table, auto into) {
    ledger.when_loaded(table, [self = weak_from_this(), &context = io, into](auto rows) {
      asio::post(context, [self, into, rows = std::move(rows)] {
        if (const auto impl = self.lock(); impl && !impl->over) into(impl->people, rows);
      });
    });
  };
  bring(ledger::Table::principal, [](People& who, const auto& rows) { who.restore(rows); });
  bring(ledger::Table::token, [](People& who, const auto& rows) { who.tokens().restore(rows); });
}

void Keeper::Impl::tick() {
  if (over) return;
  const auto now_us = now();
  people.audit().pump(now_us);
  if (now_us >= next_write_us || now_us < next_write_us - options.write_out_every_us) {
    next_write_us = now_us + options.write_out_every_us;
    people.tokens().settle_expired(now_us);
    people.write_out();
  }
  look_at_rota(now_us);
  warn();
  check_chain();
  anchor(now_us, false);
  timer.expires_after(options.tick);
  timer.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
    if (const auto impl = self.lock(); impl && !error) impl->tick();
  });
}

void Keeper::Impl::tell(const std::string& code, const std::string& text) {
  const auto standing = alarms.find(code);
  if (text.empty()) {
    if (standing == alarms.end()) return;
    alarms.erase(standing);
    notices.clear(code);
    return;
  }
  if (standing != alarms.end() && standing->second == text) return;
  alarms[code] = text;
  notices.raise(code, text);
}

// The file is read when it has another time of change; who is on call follows from the clock.
void Keeper::Impl::look_at_rota(std::int64_t now_us) {
  people.set_on_call(rota.now(now_us));
  tell("on_call_unreadable", rota.fault.empty() ? "" : on_call_file + ": " + rota.fault);
  if (on_call_file.empty() || rota_asked) return;
  if (now_us < next_rota_us && now_us > next_rota_us - options.on_call_every_us) return;
  next_rota_us = now_us + options.on_call_every_us;
  rota_asked = true;
  struct Found {
    std::int64_t modified_ns;
    Rota rota;
  };
  on_lane(
      [path = on_call_file, before = rota_modified_ns] {
        const auto modified = modified_ns(path);
        return Found{modified, modified == before ? Rota{} : read_rota(path)};
      },
      [path = on_call_file](Impl& impl, Found found) {
        impl.rota_asked = false;
        if (path != impl.on_call_file || found.modified_ns == impl.rota_modified_ns) return;
        impl.rota_modified_ns = found.modified_ns;
        impl.rota = std::move(found.rota);
        impl.people.set_on_call(impl.rota.now(impl.now()));
      });
}

void Keeper::Impl::warn() {
  tell("token_expiring", expiring_text(people.tokens(), now()));
  const auto lost = people.audit().stats().lost;
  if (lost != 0) {
    tell("audit_lost",
         std::to_string(lost) + " audit entries were lost while the ledger could not be written");
  }
}

void Keeper::Impl::read_anchor_file() {
  on_lane([path = anchor_file] { return read_anchors(path); },
          [](Impl& impl, AnchorFile file) {
            impl.anchors_read = true;
            if (!file.fault.empty()) impl.tell("audit_anchor_unreadable", file.fault);
            if (!file.anchors.empty()) impl.anchored_seq = file.anchors.back().seq;
            impl.people.audit().restore_anchors(std::move(file.anchors));
          });
}

// Once, when both sides are known: the newest anchor must be in the chain. The whole chain is
// `switchback audit verify`'s.
void Keeper::Impl::check_chain() {
  if (chain_checked || !anchors_read || !people.tokens().restored()) return;
  chain_checked = true;
  const auto& anchors = people.audit().anchors();
  if (anchors.empty() || !anchors.back().begun_anew.empty()) return;
  const Anchor newest = anchors.back();
  const auto broken = [newest](const std::string& how) {
    return "entry " + std::to_string(newest.seq) + " was anchored at " +
           config::format_instant(newest.at_us) + ", but " + how +
           "; switchback audit verify says more";
  };
  if (people.audit().mark().seq < newest.seq) {
    tell("audit_broken", broken("the ledger ends before it"));
    return;
  }
  people.audit().read(
      newest.seq - 1, 1,
      [self = weak_from_this(), &context = io, newest, broken](auto rows,
                                                               const std::string& fault) {
        const bool good = !fault.empty() || (!rows.empty() && rows[0].hash == newest.hash);
        if (good) return;
        asio::post(context, [self, text = broken("the ledger has another entry there")] {
          if (const auto impl = self.lock(); impl && !impl->over) impl->tell("audit_broken", text);
        });
      });
}

void Keeper::Impl::anchor(std::int64_t now_us, bool at_once) {
  if (!anchors_read) return;
  const auto mark = people.audit().mark();
  if (mark.seq == 0 || mark.seq == anchored_seq) return;
  const bool many = mark.seq > anchored_seq + options.anchor_after_entries;
  // A clock that was set back must not put the next one off.
  const bool waits = now_us < next_anchor_us && now_us > next_anchor_us - options.anchor_every_us;
  if (!at_once && !many && waits) return;
  next_anchor_us = now_us + options.anchor_every_us;
  anchored_seq = mark.seq;
  spdlog::info("audit head: seq {} hash {}", mark.seq, mark.hash);
  const Anchor anchor{now_us, mark.seq, mark.hash, ""};
  write_anchor(anchor);
  if (notices.anchored) notices.anchored(anchor);
}

void Keeper::Impl::write_anchor(Anchor anchor) {
  people.audit().add_anchor(anchor);
  on_lane(
      [path = anchor_file, anchor] { return append_anchor(path, anchor); },
      [](Impl& impl, const std::string& fault) { impl.tell("audit_anchor_unwritable", fault); });
}

Keeper::Keeper(asio::io_context& io, People& people, ledger::Ledger& ledger,
               std::string anchor_file, Notices notices, KeeperOptions options)
    : impl_(std::make_shared<Impl>(io, people, ledger, std::move(anchor_file), std::move(notices),
                                   options)) {}

Keeper::~Keeper() {
  impl_->over = true;
  impl_->timer.cancel();
  impl_->lane.join();
}

void Keeper::start(const config::Admin& admin) {
  impl_->on_call_file = admin.on_call;
  impl_->start();
}

void Keeper::adopt(const config::Admin& admin) {
  if (impl_->on_call_file != admin.on_call) {
    impl_->on_call_file = admin.on_call;
    impl_->rota = {};
    impl_->rota_modified_ns = 0;
  }
  impl_->next_rota_us = 0;
  impl_->warn();
}

void Keeper::ledger_begun_anew(const std::string& why) {
  impl_->people.restate();
  impl_->people.write_out();
  impl_->anchored_seq = 0;
  impl_->write_anchor({impl_->now(), 0, "", why});
}

void Keeper::finish() {
  const auto now_us = impl_->now();
  impl_->people.audit().close_minutes(now_us, true);
  impl_->people.audit().pump(now_us);
  impl_->people.write_out();
  impl_->ledger.flush(std::chrono::milliseconds(1000));
  impl_->anchor(now_us, true);
}

}  // namespace switchback::people
