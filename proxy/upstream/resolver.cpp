#include "proxy/upstream/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/un.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace switchback::upstream {
namespace {

std::string text_of(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

bool fill_unix(const config::Address& address, ResolvedAddress& out) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  if (address.path.empty() || address.path.size() >= sizeof un.sun_path) return false;
  std::memcpy(un.sun_path, address.path.data(), address.path.size());
  out = {};
  std::memcpy(&out.storage, &un, sizeof un);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);
  out.text = address.text.empty() ? "unix:" + address.path : address.text;
  return true;
}

template <class Sockaddr>
void fill_inet(const Sockaddr& in, ResolvedAddress& out) {
  out = {};
  std::memcpy(&out.storage, &in, sizeof in);
  out.size = sizeof in;
  out.text = text_of(out.storage);
}

// EAI_AGAIN and the like say something about the resolver; the rest about the name.
bool is_temporary(int code) {
  return code == EAI_AGAIN || code == EAI_SYSTEM || code == EAI_MEMORY || code == EAI_FAIL;
}

std::string sentence_of(int code, int error_number) {
  if (code == EAI_SYSTEM) return std::generic_category().message(error_number);
  return ::gai_strerror(code);
}

}  // namespace

bool resolve_literal(const config::Address& address, ResolvedAddress& out) {
  if (address.kind == config::AddressKind::unix_path) return fill_unix(address, out);
  if (address.kind != config::AddressKind::tcp) return false;
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    fill_inet(v4, out);
    return true;
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    fill_inet(v6, out);
    return true;
  }
  return false;
}

NameAnswer resolve_name(const config::Address& address) {
  NameAnswer answer;
  if (address.kind != config::AddressKind::tcp) {
    answer.error = address.kind == config::AddressKind::unix_path
                       ? "path of the unix socket is empty or longer than 107 bytes"
                       : "not an address to connect to";
    return answer;
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(address.host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    answer.error = "name does not resolve: " + sentence_of(code, errno);
    answer.temporary = is_temporary(code);
    return answer;
  }
  for (const addrinfo* at = list; at; at = at->ai_next) {
    ResolvedAddress one;
    if (at->ai_family == AF_INET) {
      auto v4 = *reinterpret_cast<const sockaddr_in*>(at->ai_addr);
      v4.sin_port = htons(address.port);
      fill_inet(v4, one);
    } else if (at->ai_family == AF_INET6) {
      auto v6 = *reinterpret_cast<const sockaddr_in6*>(at->ai_addr);
      v6.sin6_port = htons(address.port);
      fill_inet(v6, one);
    } else {
      continue;
    }
    answer.addresses.push_back(std::move(one));
  }
  ::freeaddrinfo(list);
  // Servers that listen on both are reached either way; many listen on IPv4 only ("localhost").
  std::stable_partition(answer.addresses.begin(), answer.addresses.end(),
                        [](const auto& a) { return a.storage.ss_family == AF_INET; });
  if (answer.addresses.size() > max_addresses_per_name) {
    answer.addresses.resize(max_addresses_per_name);
  }
  if (answer.addresses.empty()) answer.error = "name does not resolve: it has no IP address";
  return answer;
}

struct Resolver::Shared {
  std::mutex mutex;
  std::condition_variable wake;
  struct Question {
    config::Address address;
    std::weak_ptr<void> wanted;
    Done done;
  };
  std::deque<Question> queue;  // askers keep it bounded: one question each at a time
  std::function<NameAnswer(const config::Address&)> lookup;
  bool stopped = false;
  bool looking_up = false;
  std::thread thread;

  static void run(std::shared_ptr<Shared> self) {
    ::pthread_setname_np(::pthread_self(), "sb-resolver");
    std::unique_lock lock(self->mutex);
    for (;;) {
      self->wake.wait(lock, [&] { return self->stopped || !self->queue.empty(); });
      if (self->stopped) return;
      auto question = std::move(self->queue.front());
      self->queue.pop_front();
      if (question.wanted.expired()) continue;
      self->looking_up = true;
      lock.unlock();
      auto answer = self->lookup(question.address);
      lock.lock();
      self->looking_up = false;
      if (self->stopped) return;
      question.done(std::move(answer));
    }
  }
};

Resolver::Resolver(std::function<NameAnswer(const config::Address&)> lookup)
    : shared_(std::make_shared<Shared>()) {
  shared_->lookup = std::move(lookup);
  // Signals are for the main thread; a new thread inherits this mask.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  shared_->thread = std::thread(&Shared::run, shared_);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Resolver::~Resolver() {
  bool busy = false;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    shared_->queue.clear();
    busy = shared_->looking_up;
  }
  shared_->wake.notify_all();
  if (busy) {
    shared_->thread.detach();
  } else {
    shared_->thread.join();
  }
}

void Resolver::ask(config::Address address, std::weak_ptr<void> wanted, Done done) {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back({std::move(address), std::move(wanted), std::move(done)});
  }
  shared_->wake.notify_one();
}

}  // namespace switchback::upstream
