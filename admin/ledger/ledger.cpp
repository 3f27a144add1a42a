#include "admin/ledger/ledger.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include "admin/ledger/database.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::ledger {
namespace {

using Job = std::variant<FlipRow, IdempotencyRow, Row, AuditEntry>;

// The newer of two rows of the same thing stands; keys and audit entries are things of their own.
bool replaces(const Job& newer, const Job& older) {
  if (const auto* flip = std::get_if<FlipRow>(&newer)) {
    const auto* other = std::get_if<FlipRow>(&older);
    return other && other->id == flip->id;
  }
  if (const auto* row = std::get_if<Row>(&newer)) {
    const auto* other = std::get_if<Row>(&older);
    return other && row->same_key(*other);
  }
  return false;
}

struct AuditQuestion {
  std::uint64_t seq;
  std::size_t limit;
  Ledger::OnAudit done;
};
constexpr std::size_t most_questions = 64;  // that wait for the lane
constexpr std::size_t batch_limit = 64;     // rows in one transaction
constexpr std::uint64_t sweep_every = 256;  // written rows between two sweeps of old keys

}  // namespace

struct Ledger::Impl {
  explicit Impl(LedgerOptions o) : options(std::move(o)), database(options) {}

  const LedgerOptions options;

  // The queue and the lane's state. Never held while SQLite works.
  mutable std::mutex mutex;
  std::condition_variable wake, idle;
  std::deque<Job> jobs;
  std::deque<AuditQuestion> questions;
  AuditMark audit_mark;
  std::size_t in_hand = 0;  // taken from the queue, not written yet
  bool looked = false, stop = false;
  LedgerStats counts;

  // Whom to tell. Held while a listener function runs, so that detach() means none does.
  std::mutex listener_mutex;
  std::optional<Listener> listener;
  std::optional<Snapshot> snapshot;
  std::vector<std::pair<Table, Ledger::OnRows>> waiting_for_rows;
  std::array<std::vector<Row>, table_count> found_rows;  // as they were found
  bool rows_known = false;
  std::map<std::string, std::string> alarms;

  // The lane's own.
  Database database;
  bool loaded = false;
  std::vector<Job> batch;
  std::uint64_t told_dropped = 0, since_sweep = 0;
  std::thread thread;

  void put(Job job);
  void answer_questions(std::unique_lock<std::mutex>& lock);
  void run();
  bool pass(std::unique_lock<std::mutex>& lock);
  Status ready();
  Status ready_once();
  bool set_aside(const std::string& why);
  Status write_batch();
  void raise(const std::string& code, const std::string& text);
  void clear(const std::string& code);
  void tell_dropped(std::uint64_t dropped);
};

void Ledger::Impl::put(Job job) {
  std::lock_guard lock(mutex);
  bool has_room = jobs.size() + in_hand < options.queue_limit;
  const auto same_row = [&](const Job& other) { return replaces(job, other); };
  if (const auto same = std::find_if(jobs.begin(), jobs.end(), same_row); same != jobs.end()) {
    *same = std::move(job);
    return;
  }
  // The lane only reads what it has in hand. A row being written may change once more: it waits
  // behind, at most once for each row in hand, so that no limit makes a known flip's end be lost.
  if (in_hand > 0) has_room |= std::any_of(batch.begin(), batch.end(), same_row);
  if (!has_room) {
    ++counts.dropped;
    return;
  }
  jobs.push_back(std::move(job));
  wake.notify_one();
}

void Ledger::Impl::run() {
  auto delay = options.retry_first;
  std::unique_lock lock(mutex);
  for (;;) {
    const bool good = pass(lock);
    answer_questions(lock);
    looked = true;
    idle.notify_all();
    if (stop) return;
    if (good) {
      delay = options.retry_first;
      wake.wait(lock, [this] { return stop || !jobs.empty() || !questions.empty(); });
    } else {
      wake.wait_for(lock, delay, [this] { return stop || !questions.empty(); });
      delay = std::min(2 * delay, options.retry_most);
      ++counts.retries;
    }
  }
}

// Writes what is queued until it is empty or something is in the way. Enters and leaves locked.
bool Ledger::Impl::pass(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    const std::size_t size = std::min(jobs.size(), batch_limit);
    batch.assign(std::make_move_iterator(jobs.begin()),
                 std::make_move_iterator(jobs.begin() + static_cast<std::ptrdiff_t>(size)));
    jobs.erase(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(size));
    in_hand = size;
    const std::uint64_t dropped = counts.dropped;
    lock.unlock();
    tell_dropped(dropped);
    auto status = ready();
    if (status && size > 0) status = write_batch();
    if (status) {
      clear("ledger_unwritable");
    } else {
      raise("ledger_unwritable", options.path + ": " + status.text +
                                     "; flips go on, what happens is kept in memory until then");
    }
    lock.lock();
    in_hand = 0;
    if (!status) {
      jobs.insert(jobs.begin(), std::make_move_iterator(batch.begin()),
                  std::make_move_iterator(batch.end()));
      return false;
    }
    counts.written += size;
    audit_mark = database.audit_mark();
    if (jobs.empty()) return true;
  }
}

// Who asks hears of a ledger that cannot be read instead of waiting for better days.
void Ledger::Impl::answer_questions(std::unique_lock<std::mutex>& lock) {
  while (!questions.empty()) {
    AuditQuestion question = std::move(questions.front());
    questions.pop_front();
    lock.unlock();
    std::vector<AuditRow> rows;
    auto status = ready();
    if (status) status = database.audit_after(question.seq, question.limit, rows);
    question.done(std::move(rows), status.text);
    lock.lock();
  }
}

bool Ledger::Impl::set_aside(const std::string& why) {
  const std::string aside = database.move_aside();
  if (aside.empty()) return false;
  raise("ledger_corrupt", options.path + ": " + why + "; moved aside to " + aside +
                              " and begun anew: earlier flips and idempotency keys are only there");
  return true;
}

Status Ledger::Impl::ready() {
  auto status = ready_once();
  if (status.trouble != Trouble::corrupt) return status;
  if (!set_aside(status.text))
    return {Trouble::passing, status.text + ", and the file cannot be moved aside"};
  return ready_once();
}

Status Ledger::Impl::ready_once() {
  if (database.is_open() && !database.file_in_place()) {
    database.close();
    raise("ledger_lost", options.path +
                             ": was removed or replaced while in use; begun anew, earlier flips "
                             "and idempotency keys are missing");
  }
  Status status;
  if (!database.is_open()) status = database.open();
  if (!status || loaded) return status;
  Snapshot fresh;
  status = database.load(fresh, wall_us());
  if (!status) return status;
  loaded = true;
  std::lock_guard lock(listener_mutex);
  found_rows = fresh.rows;
  rows_known = true;
  for (const auto& [table, then] : std::exchange(waiting_for_rows, {}))
    then(found_rows[static_cast<std::size_t>(table)]);
  if (listener) {
    listener->loaded(std::move(fresh));
  } else {
    snapshot = std::move(fresh);
  }
  return status;
}

// All rows of the batch are down (or never will be), or none is.
Status Ledger::Impl::write_batch() {
  auto status = database.begin();
  for (const auto& job : batch) {
    if (!status) break;
    status = std::visit([this](const auto& row) { return database.put(row); }, job);
    if (status.trouble != Trouble::refused) continue;
    raise("ledger_refused", options.path + ": a row was refused and dropped: " + status.text);
    status = {};
  }
  if (status) status = database.commit();
  if (!status) {
    database.rollback();
    if (status.trouble == Trouble::corrupt && set_aside(status.text))
      status.text += " (begun anew)";
    return status;
  }
  since_sweep += batch.size();
  if (since_sweep >= sweep_every) {
    since_sweep = 0;
    database.forget_expired(wall_us());  // best effort; the next sweep takes what this one left
  }
  return status;
}

void Ledger::Impl::raise(const std::string& code, const std::string& text) {
  std::lock_guard lock(listener_mutex);
  auto& standing = alarms[code];
  if (standing == text) return;
  standing = text;
  if (listener) listener->alarm(code, text);
}

void Ledger::Impl::clear(const std::string& code) {
  std::lock_guard lock(listener_mutex);
  if (alarms.erase(code) != 0 && listener) listener->cleared(code);
}

void Ledger::Impl::tell_dropped(std::uint64_t dropped) {
  if (dropped == told_dropped) return;
  told_dropped = dropped;
  raise("ledger_overflow", options.path + ": " + std::to_string(dropped) +
                               " rows were lost while it could not be written");
}

std::unique_ptr<Ledger> Ledger::open(LedgerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  auto* raw = impl.get();
  raw->thread = std::thread([raw] { raw->run(); });
  // A disk that hangs must not hang the start: then the history comes later, through `loaded`.
  std::unique_lock lock(raw->mutex);
  raw->idle.wait_for(lock, raw->options.open_wait, [raw] { return raw->looked; });
  lock.unlock();
  return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Ledger::~Ledger() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

std::optional<Snapshot> Ledger::attach(Listener listener) {
  std::lock_guard lock(impl_->listener_mutex);
  for (const auto& [code, text] : impl_->alarms) listener.alarm(code, text);
  impl_->listener = std::move(listener);
  return std::exchange(impl_->snapshot, std::nullopt);
}

void Ledger::when_loaded(Table table, OnRows then) {
  std::unique_lock lock(impl_->listener_mutex);
  if (!impl_->rows_known) {
    impl_->waiting_for_rows.emplace_back(table, std::move(then));
    return;
  }
  auto found = impl_->found_rows[static_cast<std::size_t>(table)];
  lock.unlock();
  then(std::move(found));
}

void Ledger::detach() {
  std::lock_guard lock(impl_->listener_mutex);
  impl_->waiting_for_rows.clear();
  impl_->listener.reset();
}

void Ledger::put(FlipRow row) {
  impl_->put(std::move(row));
}
void Ledger::put(IdempotencyRow row) {
  impl_->put(std::move(row));
}

void Ledger::put(Row row) {
  impl_->put(std::move(row));
}
void Ledger::append(AuditEntry entry) {
  impl_->put(std::move(entry));
}

void Ledger::audit_after(std::uint64_t seq, std::size_t limit, OnAudit done) {
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->questions.size() < most_questions && !impl_->stop) {
      impl_->questions.push_back({seq, limit, std::move(done)});
      impl_->wake.notify_one();
      return;
    }
  }
  done({}, "too many questions to the ledger are waiting");
}

AuditMark Ledger::audit_mark() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->audit_mark;
}

bool Ledger::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(impl_->mutex);
  return impl_->idle.wait_for(lock, limit,
                              [this] { return impl_->jobs.empty() && impl_->in_hand == 0; });
}

LedgerStats Ledger::stats() const {
  std::lock_guard lock(impl_->mutex);
  auto stats = impl_->counts;
  stats.queued = impl_->jobs.size() + impl_->in_hand;
  return stats;
}

}  // namespace switchback::ledger
