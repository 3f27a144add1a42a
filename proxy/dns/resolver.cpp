#include "proxy/dns/resolver.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "proxy/dns/lookup.hpp"

namespace switchback::dns {

namespace {
constexpr Nanos longest_sleep_ns = 60'000'000'000;
constexpr double spread_ns = 20e6;  // first questions after a change of settings
}  // namespace

std::string name_key(const std::string& host) {
  std::string key = host;
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return key;
}

struct Resolver::Impl {
  struct Name {
    NameEntry entry;
    std::unique_ptr<Lookup> lookup;  // under way
  };
  struct Order {
    config::Dns settings;
    std::set<std::string> names;
  };

  void run();
  void adopt(Order order);
  void start_due(Nanos now_ns);
  Nanos wait(Nanos now_ns);
  void conclude(Nanos now_ns);
  void publish(bool tell);
  double chance() { return std::uniform_real_distribution<double>(0, 1)(random); }

  std::function<void()> on_change;
  int wake_fd = -1;
  std::mutex mutex;
  std::optional<Order> ordered;
  std::shared_ptr<const NameTable> published = std::make_shared<NameTable>();
  bool stopped = false;
  std::thread thread;

  // The thread's own.
  config::Dns settings;
  LookupSettings how;
  Bounds bounds;
  std::map<std::string, Name> names;
  std::size_t in_flight = 0;
  std::minstd_rand random{std::random_device{}()};
  std::vector<pollfd> fds;
};

Resolver::Resolver(std::function<void()> on_change) : impl_(std::make_unique<Impl>()) {
  impl_->on_change = std::move(on_change);
  impl_->wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  // Signals are for the main thread; a new thread inherits this mask.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "sb-dns");
    impl->run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopped = true;
  }
  ::eventfd_write(impl_->wake_fd, 1);
  impl_->thread.join();
  ::close(impl_->wake_fd);
}

void Resolver::configure(const config::Dns& settings, const std::set<std::string>& names) {
  Impl::Order order{settings, {}};
  for (const std::string& name : names) order.names.insert(name_key(name));
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ordered = std::move(order);
  }
  ::eventfd_write(impl_->wake_fd, 1);
}

std::shared_ptr<const NameTable> Resolver::table() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->published;
}

void Resolver::Impl::run() {
  for (;;) {
    std::optional<Order> order;
    {
      const std::lock_guard lock(mutex);
      if (stopped) return;
      order = std::exchange(ordered, std::nullopt);
    }
    if (order) adopt(std::move(*order));
    const Nanos now_ns = monotonic_ns();
    start_due(now_ns);
    conclude(now_ns);
    const Nanos wait_ns = wait(monotonic_ns());
    // Rounded up: a wait that is too short would spin until the time has come.
    const int wait_ms = static_cast<int>((wait_ns + 999'999) / 1'000'000);
    if (::poll(fds.data(), fds.size(), wait_ms) < 0) continue;
    eventfd_t ignored;
    if (fds[0].revents != 0) ::eventfd_read(wake_fd, &ignored);
    std::size_t at = 1;
    for (auto& [key, name] : names) {
      if (!name.lookup) continue;
      const std::size_t n = name.lookup->watched();
      name.lookup->process(fds.data() + at, n, monotonic_ns());
      at += n;
    }
  }
}

void Resolver::Impl::adopt(Order order) {
  const bool ask_all = !(order.settings == settings);
  settings = std::move(order.settings);
  how = lookup_settings(settings);
  bounds = {to_nanos(settings.min_ttl), to_nanos(settings.max_ttl)};
  std::map<std::string, Name> next;
  const Nanos now_ns = monotonic_ns();
  in_flight = 0;
  for (const std::string& key : order.names) {
    const auto known = names.find(key);
    Name name;
    if (known != names.end()) name = std::move(known->second);
    if (ask_all) name.lookup.reset();
    // All at once would be a burst; the first one is not held up.
    const bool fresh = known == names.end();
    if (ask_all || fresh) {
      name.entry.ask_at(now_ns + (next.empty() ? 0 : static_cast<Nanos>(spread_ns * chance())));
    }
    if (name.lookup) ++in_flight;
    next.emplace(key, std::move(name));
  }
  names = std::move(next);
  publish(false);
}

// The longest due first, so that a full house serves all in turn.
void Resolver::Impl::start_due(Nanos now_ns) {
  while (in_flight < max_in_flight) {
    std::pair<const std::string, Name>* due = nullptr;
    for (auto& named : names) {
      const Name& name = named.second;
      if (name.lookup || name.entry.status().ask_ns > now_ns) continue;
      if (!due || name.entry.status().ask_ns < due->second.entry.status().ask_ns) due = &named;
    }
    if (!due) return;
    const bool known = !due->second.entry.status().addresses.empty();
    due->second.lookup = std::make_unique<Lookup>(due->first, how, known, now_ns);
    ++in_flight;
  }
}

// Fills `fds`; the time until somebody has to be looked after.
Nanos Resolver::Impl::wait(Nanos now_ns) {
  fds.assign(1, {wake_fd, POLLIN, 0});
  Nanos wait_ns = longest_sleep_ns;
  for (auto& [key, name] : names) {
    if (name.lookup) {
      wait_ns = std::min(wait_ns, name.lookup->wait_ns(now_ns));
      name.lookup->collect(fds);
    } else if (in_flight < max_in_flight) {
      wait_ns = std::min(wait_ns, name.entry.status().ask_ns - now_ns);
    }
  }
  return std::max<Nanos>(wait_ns, 0);
}

void Resolver::Impl::conclude(Nanos now_ns) {
  bool any = false, changed = false;
  for (auto& [key, name] : names) {
    if (!name.lookup || !name.lookup->done()) continue;
    changed |= name.entry.conclude(name.lookup->take(), bounds, now_ns, chance());
    name.lookup.reset();
    --in_flight;
    any = true;
  }
  if (any) publish(changed);
}

void Resolver::Impl::publish(bool tell) {
  auto table = std::make_shared<NameTable>();
  for (const auto& [key, name] : names) table->emplace(key, name.entry.status());
  {
    const std::lock_guard lock(mutex);
    published = std::move(table);
  }
  if (tell && on_change) on_change();
}

}  // namespace switchback::dns
