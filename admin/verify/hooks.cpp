#include "admin/verify/hooks.hpp"

#include <poll.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <system_error>
#include <thread>

#include "admin/exec/program.hpp"

namespace switchback::verify {

struct Hooks::Impl {
  explicit Impl(boost::asio::io_context& c) : control(c) {}
  boost::asio::io_context& control;
  std::atomic<bool> ending{false};
  std::atomic<unsigned> running{0};
  const std::shared_ptr<int> alive = std::make_shared<int>(0);
};

Hooks::Hooks(boost::asio::io_context& control) : impl_(std::make_shared<Impl>(control)) {}

Hooks::~Hooks() {
  impl_->ending = true;
  while (impl_->running.load() > 0) ::poll(nullptr, 0, 1);  // each is killed within 20 ms
}

void Hooks::run(HookJob job, OnEnd done) {
  const auto impl = impl_;
  const auto tell = [impl](const OnEnd& to, std::string fault) {
    boost::asio::post(impl->control,
                      [weak = std::weak_ptr(impl->alive), to, fault = std::move(fault)]() mutable {
                        if (!weak.expired()) to(std::move(fault));
                      });
  };
  if (impl->running.fetch_add(1) >= most_running) {
    impl->running.fetch_sub(1);
    return tell(done, "too many hooks are running");
  }
  try {
    std::thread([impl, job = std::move(job), done, tell]() mutable {
      auto fault = exec::run({std::move(job.exec), std::move(job.environment), "", job.timeout},
                             impl->ending);
      if (!impl->ending) tell(done, std::move(fault));
      impl->running.fetch_sub(1);
    }).detach();
  } catch (const std::system_error&) {  // a limit on threads: no flip fails for it
    impl->running.fetch_sub(1);
    tell(done, "no thread could be started for it");
  }
}

}  // namespace switchback::verify
