#include "admin/verify/prober.hpp"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <thread>

#include "proxy/upstream/answer_reader.hpp"
#include "proxy/upstream/probe_link.hpp"

namespace switchback::verify {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using upstream::ProbeLink;
using Clock = ProbeLink::Clock;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t idle_per_server = 4, idle_servers = 256;

// One question on one connection, and what came of it.
struct Exchange {
  bool got_some = false;  // of an answer
  bool reusable = false;
  std::string failure;
  ProbeAnswer answer;
};

http::request<http::string_body> request_of(const ProbePlan& probe, const std::string& host) {
  http::request<http::string_body> request;
  request.method_string(probe.method);
  request.target(probe.path);
  request.version(11);
  request.set(http::field::host, host);
  request.set(http::field::user_agent, "switchback-verify");
  request.set(http::field::accept, "*/*");
  for (const auto& header : probe.headers) request.set(header.name, header.value);
  request.body() = probe.body;
  // Not for methods without a body: some servers take a length of 0 amiss.
  if (!probe.body.empty() || probe.method == "POST" || probe.method == "PUT")
    request.prepare_payload();
  return request;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

void take_fields(std::string_view lines, ProbeAnswer& out) {
  while (!lines.empty()) {
    const std::size_t colon = lines.find(": "), end = lines.find("\r\n");
    out.headers.emplace(lower(lines.substr(0, colon)),
                        std::string(lines.substr(colon + 2, end - colon - 2)));
    lines.remove_prefix(end + 2);
  }
}

// By the decoders and rules of traffic: what traffic would be refused for is no answer.
template <class Stream>
asio::awaitable<void> read_answer(Stream& stream, const ProbeLink& link, const ProbePlan& probe,
                                  const upstream::Wire& wire, Exchange& out, error_code& ec) {
  upstream::AnswerReader answer(switchback::http::method_of(probe.method), wire, max_body_bytes,
                                true);
  for (bool more = true; more && !ec;) {
    auto [read_ec, bytes] =
        co_await stream.async_read_some(asio::buffer(answer.room(), answer.room_size()), as_result);
    if (bytes > 0) more = answer.received(bytes);
    if (more && read_ec) ec = read_ec;
  }
  if (ec && !link.timed_out) answer.ended();
  out.got_some = answer.any();
  if (!answer.fault().empty()) {
    out.failure = "traffic would be refused: " + answer.fault();
    co_return;
  }
  if (answer.whole()) ec = {};  // its end was the connection's
  if (answer.status() == 0 || ec) co_return;
  out.answer.status = answer.status();
  take_fields(answer.fields(), out.answer);
  out.reusable = answer.reusable();
  out.answer.body_cut = !answer.whole();
  out.answer.body = answer.body();
}

template <class Stream>
asio::awaitable<void> exchange(Stream& stream, const ProbeLink& link, const ProbePlan& probe,
                               const std::string& host, const upstream::Wire& wire, Exchange& out) {
  const auto request = request_of(probe, host);
  auto [write_ec, written] = co_await http::async_write(stream, request, as_result);
  error_code read_ec;
  // A server may answer, and close, before it read the request; the answer decides.
  co_await read_answer(stream, link, probe, wire, out, read_ec);
  if (!out.failure.empty()) co_return;
  if (out.answer.status == 0 || read_ec) {
    out.failure = upstream::describe_failure(link, write_ec ? write_ec : read_ec,
                                             config::Duration(probe.timeout_ms));
  }
}

}  // namespace

struct Prober::Impl {
  explicit Impl(asio::io_context& c) : control(c) {}

  asio::awaitable<void> run(std::shared_ptr<const ProbePlan> probe, worker::ProbeTarget target,
                            OnAnswer done);
  asio::awaitable<ProbeAnswer> answer(const ProbePlan& probe, const worker::ProbeTarget& target);
  std::shared_ptr<ProbeLink> take_idle(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<ProbeLink> link);

  asio::io_context& control;
  asio::io_context io{1};
  asio::steady_timer opener{io};  // opens Asio's descriptors here, where it can fail
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::map<std::string, std::vector<std::shared_ptr<ProbeLink>>> idle;  // the thread's own
  std::atomic<std::size_t> in_flight{0};
  const std::shared_ptr<int> alive = std::make_shared<int>(0);
  std::thread thread;
};

std::shared_ptr<ProbeLink> Prober::Impl::take_idle(const std::string& key) {
  const auto at = idle.find(key);
  if (at == idle.end() || at->second.empty()) return nullptr;
  auto link = std::move(at->second.back());
  at->second.pop_back();
  if (at->second.empty()) idle.erase(at);
  return link;
}

void Prober::Impl::keep(const std::string& key, std::shared_ptr<ProbeLink> link) {
  if (idle.size() >= idle_servers && !idle.contains(key)) idle.erase(idle.begin());
  auto& kept = idle[key];
  link->timer.cancel();
  if (kept.size() < idle_per_server) kept.push_back(std::move(link));
}

asio::awaitable<ProbeAnswer> Prober::Impl::answer(const ProbePlan& probe,
                                                  const worker::ProbeTarget& target) {
  const config::Duration timeout(probe.timeout_ms);
  const auto begun = Clock::now();
  // Connections that begin in another way are others.
  const std::string key = target.key + " " +
                          std::to_string(reinterpret_cast<std::uintptr_t>(target.wire.tls.get())) +
                          " " + std::to_string(static_cast<int>(target.wire.proxy_header));
  Exchange out;
  for (;;) {
    auto link = take_idle(key);
    const bool reused = link != nullptr;
    if (!reused) {
      link = std::make_shared<ProbeLink>(io.get_executor());
      upstream::ProbeResult result;
      co_await upstream::connect_link(link, target.addresses, timeout, result);
      const bool begun_well =
          result.connected &&
          co_await upstream::begin_link(link, target.wire, target.address, timeout, result);
      if (!begun_well) {
        link->timer.cancel();
        link->close();
        out.answer.error = result.reason.empty() ? "no connection" : result.reason;
        break;
      }
    } else {
      link->set_deadline(begun + timeout);
    }
    out = {};
    if (link->secure) {
      co_await exchange(*link->secure, *link, probe, target.host, target.wire, out);
    } else {
      co_await exchange(link->socket, *link, probe, target.host, target.wire, out);
    }
    // A connection that was kept may have been given up by the server meanwhile.
    const bool stale = !out.failure.empty() && reused && !out.got_some && !link->timed_out;
    if (out.failure.empty() && out.reusable) {
      keep(key, link);
    } else {
      link->timer.cancel();
      link->close();
    }
    if (stale) continue;
    out.answer.error = out.failure;
    break;
  }
  out.answer.latency_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun).count());
  co_return std::move(out.answer);
}

asio::awaitable<void> Prober::Impl::run(std::shared_ptr<const ProbePlan> probe,
                                        worker::ProbeTarget target, OnAnswer done) {
  ProbeAnswer given;
  try {
    given = co_await answer(*probe, target);
  } catch (const std::exception& error) {
    given.error = error.what();  // out of memory, mostly; an answer is owed all the same
  }
  auto found = judged(probe->expect, given);
  in_flight.fetch_sub(1);
  asio::post(control, [weak = std::weak_ptr(alive), found = std::move(found),
                       done = std::move(done)]() mutable {
    if (!weak.expired()) done(std::move(found));
  });
}

Prober::Prober(asio::io_context& control) : impl_(std::make_shared<Impl>(control)) {
  // Signals are for the main thread; a new thread inherits this mask.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "sb-verify");
    impl->io.run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Prober::~Prober() {
  impl_->io.stop();
  impl_->thread.join();
}

void Prober::ask(std::shared_ptr<const ProbePlan> probe, worker::ProbeTarget target,
                 OnAnswer done) {
  if (impl_->in_flight.fetch_add(1) >= most_in_flight) {
    impl_->in_flight.fetch_sub(1);
    ProbeAnswer answer;
    answer.error = "too many probes are under way";
    asio::post(impl_->control, [weak = std::weak_ptr(impl_->alive), done = std::move(done),
                                found = judged(probe->expect, answer)] {
      if (!weak.expired()) done(found);
    });
    return;
  }
  asio::co_spawn(impl_->io, impl_->run(std::move(probe), std::move(target), std::move(done)),
                 asio::detached);
}

}  // namespace switchback::verify
