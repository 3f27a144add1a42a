#include "admin/verify/verifier.hpp"

#include <boost/asio/post.hpp>
#include <map>

namespace switchback::verify {
namespace {

class VerifierImpl : public Verifier {
 public:
  VerifierImpl(boost::asio::io_context& io, const config::Config& config) : io_(io) {
    configure(config);
  }

  Standing standing(const std::string& service) const override {
    Standing out;
    out.planned = planned_.contains(service);
    return out;
  }
  ServiceVerdict verdict(const std::string&) const override { return {}; }
  std::uint64_t subscribe(OnVerdict on_verdict) override {
    listeners_.emplace(++next_, std::move(on_verdict));
    return next_;
  }
  void unsubscribe(std::uint64_t handle) override { listeners_.erase(handle); }
  void run_now(const std::string& service, Color, OnStanding done) override {
    boost::asio::post(io_,
                      [standing = standing(service), done = std::move(done)] { done(standing); });
  }
  void set_release_facts(std::function<ReleaseFacts(const std::string&, Color)> facts) override {
    facts_ = std::move(facts);
  }
  void configure(const config::Config& config) override {
    planned_.clear();
    for (const auto& service : config.services)
      if (service.verify) planned_.emplace(service.name, *service.verify);
  }

 private:
  boost::asio::io_context& io_;
  std::map<std::string, config::Verify> planned_;
  std::map<std::uint64_t, OnVerdict> listeners_;
  std::uint64_t next_ = 0;
  std::function<ReleaseFacts(const std::string&, Color)> facts_;
};

}  // namespace

std::string_view to_string(Identity identity) {
  constexpr std::string_view names[] = {"unknown", "matches", "differs"};
  return names[static_cast<std::size_t>(identity)];
}

std::string_view to_string(Value value) {
  constexpr std::string_view names[] = {"HEALTHY", "REGRESSED", "DEGRADED", "SHARED",
                                        "INCONCLUSIVE"};
  return names[static_cast<std::size_t>(value)];
}

std::unique_ptr<Verifier> make_verifier(boost::asio::io_context& io, worker::DataPlane&,
                                        release::Controller&, ledger::Ledger&,
                                        const config::Config& config, VerifierOptions) {
  return std::make_unique<VerifierImpl>(io, config);
}

}  // namespace switchback::verify
