// What a storm rages over: two services switched together, listeners of every kind, servers that
// die. `shop` has two servers a color, the first of which is a process to be killed; `brittle` has
// one that closes kept connections without a word after every few answers.
#pragma once

#include "tests/e2e/admin_client.hpp"
#include "tests/e2e/storm_casualties.hpp"
#include "tests/e2e/storm_doors.hpp"
#include "tests/integration/instance.hpp"
#include "tests/support/certificates.hpp"

namespace switchback::test {

class StormScene {
 public:
  StormScene();
  void flip(const std::string& service, const std::string& color, bool by_rollback);
  boost::json::object status(const std::string& service) const;
  long tunnels(const std::string& color) const;  // of shop, in flight
  bool wait_until_drained() const;               // the newest flip of shop
  bool wait_until_healthy() const;               // every server
  void renew_certificate();                      // and SIGHUP; returns when the reload is through
  std::uint64_t retried() const;                 // attempts beyond the first, of both services
  Doors::Addresses addresses() const;

  Authority authority;
  CertificateFiles certificate;
  TestServer blue{"blue-2"}, green{"green-2"};
  TestServer brittle_blue{
      TestServerOptions{.name = "blue-b", .close_after = 5, .announce_close = false}};
  TestServer brittle_green{
      TestServerOptions{.name = "green-b", .close_after = 5, .announce_close = false}};
  Casualties casualties;
  Instance instance;
  std::vector<double> switched_ms;
  std::vector<std::string> flips;  // of shop, in order

 private:
  InstanceOptions options();
};

}  // namespace switchback::test
