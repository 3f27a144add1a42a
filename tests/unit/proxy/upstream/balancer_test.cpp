#include "proxy/upstream/balancer.hpp"

#include <map>
#include <random>

#include "tests/support/catch.hpp"

using namespace switchback;
using upstream::Balancer;
using upstream::Health;
using upstream::WorkerServer;

namespace {

using Servers = std::vector<std::unique_ptr<WorkerServer>>;

Servers make(const std::vector<unsigned>& weights) {
  Servers servers;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    config::Address address;
    address.host = "127.0.0.1";
    address.port = static_cast<std::uint16_t>(9000 + i);
    address.text = "127.0.0.1:" + std::to_string(address.port);
    auto state = std::make_shared<upstream::ServerState>(address);
    servers.push_back(std::make_unique<WorkerServer>(
        std::make_shared<upstream::ServerShared>(state, 1), 0, weights[i]));
  }
  return servers;
}

std::size_t index_in(const Servers& servers, const WorkerServer* server) {
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (servers[i].get() == server) return i;
  }
  return 99;
}

config::Balance policy(config::BalancePolicy p) {
  config::Balance balance;
  balance.policy = p;
  return balance;
}

struct Head {
  http::FieldTable table;
  http::RequestHead head;
  void add(std::string_view name, std::string_view value, http::FieldId id) {
    table.fields[count++] = {name.data(),
                             value.data(),
                             static_cast<std::uint32_t>(value.size()),
                             static_cast<std::uint16_t>(name.size()),
                             id,
                             false};
    head.fields = {table.fields.data(), count};
  }
  std::size_t count = 0;
};

}  // namespace

TEST_CASE("an empty pool, weight 0 and unhealthy servers give nothing") {
  Balancer balancer(1);
  CHECK(balancer.pick(make({}), nullptr, nullptr) == nullptr);
  Servers servers = make({0, 1});
  servers[1]->shared->state->set_health(Health::unreachable);
  CHECK(balancer.pick(servers, nullptr, nullptr) == nullptr);
  servers[1]->shared->state->set_health(Health::unknown);
  for (int i = 0; i < 50; ++i) CHECK(balancer.pick(servers, nullptr, nullptr) == servers[1].get());
}

TEST_CASE("least requests prefers the emptier server, by weight") {
  Balancer balancer(7);
  Servers servers = make({1, 1, 1});
  servers[0]->in_flight = 100;
  servers[1]->in_flight = 100;
  std::map<std::size_t, int> picks;
  for (int i = 0; i < 900; ++i)
    ++picks[index_in(servers, balancer.pick(servers, nullptr, nullptr))];
  CHECK(picks[2] > 450);  // it wins every choice that it is part of: 5 of 9, and more by scans
  Servers weighted = make({1, 3});
  weighted[0]->in_flight = 2;
  weighted[1]->in_flight = 5;  // (5+1)/3 < (2+1)/1
  for (int i = 0; i < 50; ++i)
    CHECK(balancer.pick(weighted, nullptr, nullptr) == weighted[1].get());
}

TEST_CASE("round robin keeps to the weights exactly") {
  Balancer balancer(1);
  balancer.configure(policy(config::BalancePolicy::round_robin));
  Servers servers = make({5, 1, 2});
  std::map<std::size_t, int> picks;
  for (int i = 0; i < 80; ++i) ++picks[index_in(servers, balancer.pick(servers, nullptr, nullptr))];
  CHECK(picks[0] == 50);
  CHECK(picks[1] == 10);
  CHECK(picks[2] == 20);
}

TEST_CASE("a hash sticks, and a server's going moves only its own keys") {
  config::Balance balance = policy(config::BalancePolicy::hash);
  balance.hash_source = config::HashSource::cookie;
  balance.hash_name = "user";
  Balancer balancer(1);
  balancer.configure(balance);
  Servers servers = make({1, 1, 1, 1});
  std::map<std::string, std::size_t> before;
  std::map<std::size_t, int> share;
  const auto pick = [&](const std::string& cookie) {
    Head head;
    head.add("Cookie", cookie, http::FieldId::cookie);
    return index_in(servers, balancer.pick(servers, &head.head, nullptr));
  };
  for (int i = 0; i < 400; ++i) {
    const std::string cookie = "a=b; user=u" + std::to_string(i) + "; c=d";
    before[cookie] = pick(cookie);
    CHECK(pick(cookie) == before[cookie]);
    ++share[before[cookie]];
  }
  for (const auto& [server, count] : share) CHECK(count > 50);
  servers[2]->shared->state->set_health(Health::failing);
  for (const auto& [cookie, server] : before) {
    if (server != 2) CHECK(pick(cookie) == server);
    if (server == 2) CHECK(pick(cookie) != 2);
  }
}

TEST_CASE("the server that has just failed is avoided while another can") {
  for (const auto p : {config::BalancePolicy::least_requests, config::BalancePolicy::round_robin}) {
    Balancer balancer(3);
    balancer.configure(policy(p));
    Servers servers = make({1, 1});
    for (int i = 0; i < 50; ++i) {
      CHECK(balancer.pick(servers, nullptr, servers[0].get()) == servers[1].get());
    }
    servers[1]->shared->state->set_health(Health::unreachable);
    CHECK(balancer.pick(servers, nullptr, servers[0].get()) == servers[0].get());
  }
}

TEST_CASE(
    "a server that was not checked yet comes after those that passed, while they are enough") {
  using config::BalancePolicy;
  for (const auto p :
       {BalancePolicy::least_requests, BalancePolicy::round_robin, BalancePolicy::hash}) {
    CAPTURE(static_cast<int>(p));
    config::Balance balance = policy(p);
    balance.hash_source = config::HashSource::header;
    balance.hash_name = "Key";
    Balancer balancer(3);
    balancer.configure(balance);
    Servers servers = make({1, 1, 1, 1});
    const auto counts = [&](const void* avoid = nullptr) {
      std::map<std::size_t, int> picks;
      for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string(i);
        Head head;
        head.add("Key", key, http::FieldId::other);
        ++picks[index_in(servers, balancer.pick(servers, &head.head, avoid))];
      }
      return picks;
    };
    const auto set = [&](std::size_t i, Health health) {
      servers[i]->shared->state->set_health(health);
    };
    CHECK(counts().size() == 4);  // none was checked: as at the start
    set(0, Health::healthy);
    CHECK(counts().size() == 4);  // one of four would have to carry everything
    set(1, Health::healthy);
    const auto half = counts();
    CHECK(half.size() == 2);
    CHECK(half.count(2) + half.count(3) == 0);
    // The one that just failed is worse than one that nobody knows.
    set(1, Health::unreachable);
    set(3, Health::unreachable);
    const auto repeated = counts(servers[0].get());
    CHECK(repeated.size() == 1);
    CHECK(repeated.count(2) == 1);
    set(0, Health::unreachable);
    CHECK(counts().count(2) == 1);
  }
}

TEST_CASE("cookies are found whole") {
  Head head;
  head.add("Cookie", "xid=1; id=2;id3=3", http::FieldId::cookie);
  head.add("Cookie", "late=4", http::FieldId::cookie);
  CHECK(upstream::cookie_value(head.head, "id") == "2");
  CHECK(upstream::cookie_value(head.head, "id3") == "3");
  CHECK(upstream::cookie_value(head.head, "late") == "4");
  CHECK(upstream::cookie_value(head.head, "none").empty());
}

// Pearson's chi-square of what was picked against the weights; the bound is the 99.9999 % quantile
// for up to four servers, so that one run of a million fails by chance.
namespace {

constexpr double chi_square_bound = 30.7;

double chi_square(const std::map<std::size_t, int>& picks, const std::vector<double>& weights) {
  double weight_sum = 0, sum = 0;
  int all = 0;
  for (const double weight : weights) weight_sum += weight;
  for (const auto& [server, count] : picks) all += count;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = all * weights[i] / weight_sum;
    const auto found = picks.find(i);
    const double off = (found == picks.end() ? 0 : found->second) - expected;
    sum += off * off / expected;
  }
  return sum;
}

}  // namespace

TEST_CASE("every policy shares by weight, in the distribution of picks") {
  const auto p = GENERATE(config::BalancePolicy::least_requests, config::BalancePolicy::round_robin,
                          config::BalancePolicy::hash);
  const std::uint64_t seed = std::random_device{}();
  INFO("policy " << static_cast<int>(p) << ", seed " << seed);
  config::Balance balance = policy(p);
  balance.hash_name = "X-Key";
  Balancer balancer(seed);
  balancer.configure(balance);
  const std::vector<double> weights =
      GENERATE(std::vector<double>{1, 1, 1}, std::vector<double>{1, 2, 7},
               std::vector<double>{100, 1, 50, 49});
  Servers servers = make({weights.begin(), weights.end()});
  balancer.set_even(weights[0] == weights[1]);
  std::map<std::size_t, int> picks;
  for (int i = 0; i < 20000; ++i) {
    const std::string key = std::to_string(seed) + "/" + std::to_string(i);
    Head head;
    head.add("X-Key", key, http::FieldId::other);
    ++picks[index_in(servers, balancer.pick(servers, &head.head, nullptr))];
  }
  CHECK(chi_square(picks, weights) < chi_square_bound);
}

TEST_CASE("least requests shares by weight when requests last, as when they do not") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  Balancer balancer(seed);
  Servers servers = make({1, 3, 4});
  std::map<std::size_t, int> picks;
  for (int i = 0; i < 8000; ++i) {  // nothing ends: in flight must grow by weight
    WorkerServer* server = balancer.pick(servers, nullptr, nullptr);
    ++server->in_flight;
    ++picks[index_in(servers, server)];
  }
  CHECK(std::abs(picks[0] - 1000) < 20);
  CHECK(std::abs(picks[1] - 3000) < 30);
  CHECK(std::abs(picks[2] - 4000) < 30);
}

TEST_CASE("a server in slow start gets its part of its weight, with every policy") {
  const auto p = GENERATE(config::BalancePolicy::least_requests, config::BalancePolicy::round_robin,
                          config::BalancePolicy::hash);
  const std::uint64_t seed = std::random_device{}();
  INFO("policy " << static_cast<int>(p) << ", seed " << seed);
  config::Balance balance = policy(p);
  balance.hash_name = "X-Key";
  Balancer balancer(seed);
  balancer.configure(balance);
  balancer.set_slow_start(1000);
  balancer.set_even(true);
  Servers servers = make({1, 1, 1});
  servers[2]->shared->standing.raised_ns = 5000;
  servers[2]->shared->standing.raised_from = 100;
  for (const auto& [now, part] : std::map<Nanos, double>{{5000, 0.1}, {5500, 0.55}, {6000, 1.0}}) {
    std::map<std::size_t, int> picks;
    for (int i = 0; i < 20000; ++i) {
      const std::string key = std::to_string(seed) + "/" + std::to_string(i);
      Head head;
      head.add("X-Key", key, http::FieldId::other);
      ++picks[index_in(servers, balancer.pick(servers, &head.head, nullptr, now))];
    }
    CHECK(chi_square(picks, {1, 1, part}) < chi_square_bound);
  }
}

TEST_CASE("who is left shares evenly when one of equals is out") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  Balancer balancer(seed);
  balancer.set_even(true);
  Servers servers = make({1, 1, 1, 1});
  const bool by_ejection = GENERATE(true, false);
  if (by_ejection) servers[1]->shared->standing.ejected_until_ns = 1000;
  if (!by_ejection) servers[1]->shared->state->set_health(Health::failing);
  std::map<std::size_t, int> picks;
  for (int i = 0; i < 30000; ++i) {
    const std::size_t server = index_in(servers, balancer.pick(servers, nullptr, nullptr, 999));
    ++picks[server > 1 ? server - 1 : server];
    REQUIRE(server != 1);
  }
  CHECK(chi_square(picks, {1, 1, 1}) < chi_square_bound);
  CHECK(balancer.pick(make({1}), nullptr, nullptr) != nullptr);
}

TEST_CASE("ejected servers are used when nobody else is left; failing ones never") {
  const auto p =
      GENERATE(config::BalancePolicy::least_requests, config::BalancePolicy::round_robin);
  Balancer balancer(5);
  balancer.configure(policy(p));
  Servers servers = make({1, 1, 1});
  servers[0]->shared->standing.ejected_until_ns = 1000;
  servers[1]->shared->standing.ejected_until_ns = 1000;
  for (int i = 0; i < 50; ++i) {
    CHECK(balancer.pick(servers, nullptr, nullptr, 10) == servers[2].get());
  }
  servers[2]->shared->state->set_health(Health::unreachable);
  for (int i = 0; i < 50; ++i) {
    const WorkerServer* server = balancer.pick(servers, nullptr, nullptr, 10);
    CHECK((server == servers[0].get() || server == servers[1].get()));
  }
  for (auto& server : servers) server->shared->state->set_health(Health::failing);
  CHECK(balancer.pick(servers, nullptr, nullptr, 10) == nullptr);
}
