#include "tests/e2e/storm_scene.hpp"

#include <algorithm>
#include <filesystem>

namespace switchback::test {

namespace {

// The n-th "listening on" of the program's first words.
std::string listener(const Process& process, unsigned n) {
  const std::string text = process.err();
  const std::string mark = "listening on ";
  std::size_t at = 0;
  for (unsigned i = 0; i <= n; ++i) at = text.find(mark, at) + mark.size();
  return text.substr(at, text.find('\n', at) - at);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

StormScene::StormScene() : certificate(authority.issue({})), instance(options()) {
  instance.wait_until_checked();
}

InstanceOptions StormScene::options() {
  InstanceOptions out;
  out.blue = {casualties.add("blue-1"), blue.address()};
  out.green = {casualties.add("green-1"), green.address()};
  const std::string tls = "    tls: { certificates: [ { cert: \"" + certificate.cert +
                          "\", key: \"" + certificate.key + "\" } ] }\n";
  out.listeners_more =
      "  - bind: 127.0.0.1:0\n" + tls + "  - bind: 127.0.0.1:0\n    proxy_protocol: true\n";
  out.service_more =
      "    drain: { websocket: 40ms }\n"
      "  brittle:\n"
      "    match: { hosts: [brittle.test] }\n"
      "    blue: { servers: [\"" +
      brittle_blue.address() +
      "\"] }\n"
      "    green: { servers: [\"" +
      brittle_green.address() +
      "\"] }\n"
      "    health_check: { path: /healthz, interval: 50ms, timeout: 2s, rise: 1, fall: 1 }\n";
  out.more = "log: { access: json, path: access.log }\n";
  return out;
}

Doors::Addresses StormScene::addresses() const {
  return {listener(*instance.process, 0), listener(*instance.process, 1),
          listener(*instance.process, 2)};
}

void StormScene::flip(const std::string& service, const std::string& color, bool by_rollback) {
  const std::string path = "/v1/services/" + service;
  const AdminAnswer answer = by_rollback ? admin_call(instance.socket(), "POST", path + "/rollback")
                                         : admin_call(instance.socket(), "POST", path + "/flips",
                                                      "{\"to\":\"" + color + "\"}");
  INFO(boost::json::serialize(answer.body));
  REQUIRE(answer.status == 200);
  REQUIRE(answer.body.at("to").as_string() == color);
  // Past the barrier: a storm is no load that a worker needs 250 ms for.
  REQUIRE(answer.body.at("state").as_string() != "switching");
  if (service != "shop") return;
  switched_ms.push_back(answer.body.at("stages_ms").as_object().at("switched").to_number<double>());
  flips.emplace_back(answer.body.at("flip").as_string());
}

boost::json::object StormScene::status(const std::string& service) const {
  return admin_call(instance.socket(), "GET", "/v1/services/" + service).body;
}

long StormScene::tunnels(const std::string& color) const {
  const auto status_now = status("shop");
  const auto& pool = status_now.at("pools").as_object().at(color).as_object();
  return pool.at("in_flight").as_object().at("tunnel").to_number<long>();
}

bool StormScene::wait_until_drained() const {
  return until([&] {
    return status("shop").at("last_flip").as_object().at("state").as_string() == "drained";
  });
}

bool StormScene::wait_until_healthy() const {
  return until([&] {
    return boost::json::serialize(status("shop").at("pools")).find("\"healthy\":false") ==
           std::string::npos;
  });
}

void StormScene::renew_certificate() {
  const auto adopted = [&] { return count(instance.process->err(), "reload: adopted"); };
  const std::size_t before = adopted();
  const CertificateFiles fresh = authority.issue({});
  std::filesystem::rename(fresh.cert, certificate.cert);
  std::filesystem::rename(fresh.key, certificate.key);
  instance.process->signal(SIGHUP);
  REQUIRE(until([&] { return adopted() > before; }));
}

std::uint64_t StormScene::retried() const {
  const std::string page = fetch("unix:" + instance.socket(), "/metrics").body;
  const std::string mark = "\nswitchback_retries_total{";
  std::uint64_t sum = 0;
  for (auto at = page.find(mark); at != std::string::npos; at = page.find(mark, at + 1)) {
    sum += std::stoull(page.substr(page.find("} ", at) + 2));
  }
  return sum;
}

}  // namespace switchback::test
