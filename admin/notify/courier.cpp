#include "admin/notify/courier.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <ctime>
#include <mutex>
#include <optional>

#include "admin/exec/program.hpp"
#include "admin/http/client.hpp"
#include "admin/notify/files.hpp"
#include "admin/notify/signature.hpp"
#include "config/notify_values.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/dns/lookup.hpp"

namespace switchback::notify {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_answer_bytes = 64 * 1024;

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "?";
}

Delivery failed(std::string error, bool hopeless = false) {
  Delivery out;
  out.hopeless = hopeless;
  out.error = std::move(error);
  return out;
}

// The addresses of a name, in turns short enough to see `ending`.
std::vector<boost::asio::ip::address> look_up(const std::string& host, const config::Dns& settings,
                                              Nanos until_ns, const std::atomic<bool>& ending,
                                              std::string& fault) {
  using boost::asio::ip::make_address;
  std::vector<boost::asio::ip::address> out;
  boost::system::error_code error;
  if (const auto literal = make_address(host, error); !error) return {literal};
  if (dns::is_localhost(host)) return {make_address("127.0.0.1"), make_address("::1")};
  dns::Lookup lookup(host, dns::lookup_settings(settings), false, monotonic_ns());
  std::vector<pollfd> fds;
  while (!lookup.done() && !ending && monotonic_ns() < until_ns) {
    fds.clear();
    lookup.collect(fds);
    const Nanos wait = std::min<Nanos>(lookup.wait_ns(monotonic_ns()), 20'000'000);
    ::poll(fds.data(), fds.size(), static_cast<int>(wait / 1'000'000) + 1);
    lookup.process(fds.data(), fds.size(), monotonic_ns());
  }
  if (!lookup.done()) return fault = "its name has no answer in time", out;
  const auto answer = lookup.take();
  for (const auto* family : {&answer.v4, &answer.v6}) {
    for (const auto& ip : family->addresses) out.push_back(make_address(ip.text(), error));
    if (!family->error.empty()) fault = "looking its name up: " + family->error;
  }
  if (out.empty() && fault.empty()) fault = "its name has no address";
  return out;
}

class WebhookCourier : public Courier {
 public:
  WebhookCourier(config::NotifyTarget target, config::Dns dns)
      : target_(std::move(target)), dns_(std::move(dns)), host_(host_name()) {}

  Delivery deliver(const Message& message, std::uint64_t left_out) override {
    const Nanos begun = monotonic_ns();
    Delivery out = attempt(message, left_out, begun + to_nanos(target_.timeout));
    out.took_ms = static_cast<double>(monotonic_ns() - begun) / 1e6;
    return out;
  }

  void cancel() override {
    ending_ = true;
    const std::lock_guard lock(mutex_);
    if (client_) client_->cancel();
  }

 private:
  Delivery attempt(const Message& message, std::uint64_t left_out, Nanos until_ns) {
    std::string fault;
    const std::string address = target_.webhook_file.empty()
                                    ? target_.webhook
                                    : read_first_line(target_.webhook_file, fault);
    if (!fault.empty()) return failed("webhook_file " + fault);
    const auto url = config::parse_webhook_url(address, fault);
    if (!url) return failed("the address in " + target_.webhook_file + " " + fault);
    web::ClientRequest request = request_of(message, left_out, url->target, fault);
    if (!fault.empty()) return failed(fault);
    web::ClientTarget to;
    to.text = (url->tls ? "https://" : "http://") + url->host;
    to.host = url->host;
    to.port = url->port;
    to.tls = url->tls;
    to.authority_hint = "ca: FILE names the authority";
    std::shared_ptr<web::asio::ssl::context> tls;
    if (url->tls) {
      tls = web::make_client_tls({target_.ca, "", ""}, fault);
      if (!tls) return failed(fault.starts_with("--ca-file ") ? "ca " + fault.substr(10) : fault);
    }
    to.addresses = look_up(url->host, dns_, until_ns, ending_, fault);
    if (to.addresses.empty()) return failed(to.text + ": " + fault);
    return post(std::move(to), std::move(tls), request, until_ns);
  }

  web::ClientRequest request_of(const Message& message, std::uint64_t left_out,
                                const std::string& path, std::string& fault) const {
    web::ClientRequest request;
    request.method = "POST";
    request.target = path;
    request.answer_limit = most_answer_bytes;
    request.body = body_of(message, target_.format, host_, left_out);
    if (!target_.headers_file.empty()) {
      request.fields = read_fields_file(target_.headers_file, fault);
      if (!fault.empty()) fault = "headers_file " + fault;
    }
    request.fields.emplace_back("Content-Type", "application/json");
    const std::int64_t now_s = wall_us() / 1'000'000;
    request.fields.emplace_back("webhook-id", message.id);
    request.fields.emplace_back("webhook-timestamp", std::to_string(now_s));
    if (!target_.secret_file.empty() && fault.empty()) {
      const auto secret = read_first_line(target_.secret_file, fault);
      if (!fault.empty()) fault = "secret_file " + fault;
      request.fields.emplace_back("webhook-signature",
                                  webhook_signature(secret, message.id, now_s, request.body));
    }
    return request;
  }

  Delivery post(web::ClientTarget to, std::shared_ptr<web::asio::ssl::context> tls,
                const web::ClientRequest& request, Nanos until_ns) {
    {
      const std::lock_guard lock(mutex_);
      client_ = std::make_unique<web::Client>(std::move(to), std::move(tls));
    }
    if (ending_) client_->cancel();  // it was said before there was anybody to say it to
    const auto left = std::max<Nanos>(until_ns - monotonic_ns(), 0) / 1'000'000;
    const auto answer = client_->call(request, milliseconds(left));
    Delivery out = answer.failure == web::Failure::none
                       ? judge_status(answer.status, answer.field("Retry-After"), wall_us())
                       : failed(answer.error);
    const std::lock_guard lock(mutex_);
    client_.reset();
    return out;
  }

  const config::NotifyTarget target_;
  const config::Dns dns_;
  const std::string host_;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::unique_ptr<web::Client> client_;  // while a call is under way
};

class ProgramCourier : public Courier {
 public:
  explicit ProgramCourier(config::NotifyTarget target)
      : target_(std::move(target)), host_(host_name()) {}

  Delivery deliver(const Message& message, std::uint64_t left_out) override {
    exec::Program program;
    program.words = target_.exec;
    program.environment = {"SWITCHBACK_EVENT=" + message.event,
                           "SWITCHBACK_KIND=" + config::choice_text(message.kind),
                           "SWITCHBACK_STATE=" + std::string(to_string(message.standing)),
                           "SWITCHBACK_SERVICE=" + message.service};
    program.input = body_of(message, target_.format, host_, left_out) + "\n";
    program.timeout = target_.timeout;
    const Nanos begun = monotonic_ns();
    Delivery out = failed(exec::run(std::move(program), ending_));
    out.good = out.error.empty();
    out.took_ms = static_cast<double>(monotonic_ns() - begun) / 1e6;
    return out;
  }
  void cancel() override { ending_ = true; }

 private:
  const config::NotifyTarget target_;
  const std::string host_;
  std::atomic<bool> ending_{false};
};

}  // namespace

std::unique_ptr<Courier> make_courier(const config::NotifyTarget& target, const config::Dns& dns) {
  if (!target.exec.empty()) return std::make_unique<ProgramCourier>(target);
  return std::make_unique<WebhookCourier>(target, dns);
}

namespace {

// Retry-After (RFC 9110 §10.2.3): seconds, or a date in one of the three forms of §5.6.7.
std::optional<Nanos> wait_of(const std::string& retry_after, std::int64_t now_us) {
  unsigned seconds = 0;
  const char* end = retry_after.data() + retry_after.size();
  const auto [at, error] = std::from_chars(retry_after.data(), end, seconds);
  if (error == std::errc() && at == end) return Nanos{seconds} * 1'000'000'000;
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    std::tm date{};
    const char* rest = ::strptime(retry_after.c_str(), form, &date);
    if (rest == nullptr || *rest != '\0') continue;
    const std::int64_t at_us = std::int64_t{::timegm(&date)} * 1'000'000;
    const std::int64_t longest_us = std::int64_t{366} * 86'400 * 1'000'000;
    return std::clamp<std::int64_t>(at_us - now_us, 0, longest_us) * 1000;
  }
  return std::nullopt;
}

}  // namespace

Delivery judge_status(unsigned status, std::string_view retry_after, std::int64_t now_us) {
  Delivery out;
  out.status = status;
  out.good = status >= 200 && status < 300;
  if (out.good) return out;
  out.hopeless = status < 500 && status != 408 && status != 429;
  out.error = "it answered " + std::to_string(status);
  if (status >= 300 && status < 400)
    out.error += ", which is not followed: write where it leads to";
  if (const auto wait = wait_of(std::string(retry_after), now_us)) out.retry_after_ns = *wait;
  return out;
}

}  // namespace switchback::notify
