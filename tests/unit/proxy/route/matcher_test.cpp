#include "proxy/route/matcher.hpp"

#include <random>
#include <string>

#include "tests/support/catch.hpp"

using namespace switchback;
using config::Match;
using config::Service;
using route::Matcher;

namespace {

Service with(std::vector<std::string> hosts, std::string prefix = "/") {
  Service s;
  s.match = Match{std::move(hosts), std::move(prefix)};
  return s;
}
Service by_default() {
  return {};
}

std::string found(const Matcher& m, std::string_view authority, std::string_view target = "/") {
  const auto i = m.find(authority, target);
  return i ? std::to_string(*i) : "none";
}

}  // namespace

TEST_CASE("a lone default service takes everything") {
  const Matcher m({by_default()});
  CHECK(found(m, "") == "0");
  CHECK(found(m, "any.example:99", "*") == "0");
  CHECK(found(m, std::string(5000, 'x')) == "0");
  CHECK(found(Matcher({}), "a") == "none");
}

TEST_CASE("exact hosts: case, port, trailing dot") {
  const Matcher m(
      {with({"shop.example.com"}), with({"Other.Example.com."}), with({"::1", "[FE80::2]"})});
  CHECK(found(m, "shop.example.com") == "0");
  CHECK(found(m, "SHOP.example.COM:8443") == "0");
  CHECK(found(m, "shop.example.com.") == "0");
  CHECK(found(m, "shop.example.com.:80") == "0");
  CHECK(found(m, "other.example.com") == "1");
  CHECK(found(m, "[::1]") == "2");
  CHECK(found(m, "[::1]:8080") == "2");
  CHECK(found(m, "[fe80::2]:1") == "2");
  CHECK(found(m, "xshop.example.com") == "none");
  CHECK(found(m, "shop.example.co") == "none");
  CHECK(found(m, "shop.example.com..") == "none");
  CHECK(found(m, "") == "none");
  CHECK(found(m, ".") == "none");
  CHECK(found(m, "[::1") == "none");
}

TEST_CASE("wildcards: one or more labels, the longest wins, exact before them") {
  const Matcher m({with({"*.example.com"}), with({"*.shop.example.com"}),
                   with({"a.shop.example.com"}), by_default()});
  CHECK(found(m, "x.example.com") == "0");
  CHECK(found(m, "x.y.Example.com:1") == "0");
  CHECK(found(m, "shop.example.com") == "0");
  CHECK(found(m, "b.shop.example.com.") == "1");
  CHECK(found(m, "c.b.shop.example.com") == "1");
  CHECK(found(m, "a.shop.example.com") == "2");
  CHECK(found(m, "example.com") == "3");
  CHECK(found(m, ".example.com") == "3");
  CHECK(found(m, "xexample.com") == "3");
}

TEST_CASE("path prefixes end at segments, the longest wins") {
  const Matcher m({with({}, "/api"), with({}, "/api/v2/"), with({}, "/")});
  CHECK(found(m, "h", "/api") == "0");
  CHECK(found(m, "h", "/api?x=/api/v2") == "0");
  CHECK(found(m, "h", "/api/x") == "0");
  CHECK(found(m, "h", "/api/v2") == "1");
  CHECK(found(m, "h", "/api/v2/") == "1");
  CHECK(found(m, "h", "/api/v2?q") == "1");
  CHECK(found(m, "h", "/api/v22") == "0");
  CHECK(found(m, "h", "/apix") == "2");
  CHECK(found(m, "h", "/API") == "2");
  CHECK(found(m, "h", "/%61pi") == "2");
  CHECK(found(m, "h", "*") == "2");
  CHECK(found(m, "h", "") == "2");
}

TEST_CASE("a host whose paths do not match falls through to the next kind") {
  const Matcher m(
      {with({"a.example"}, "/one"), with({"*.example"}, "/two"), with({}, "/three"), by_default()});
  CHECK(found(m, "a.example", "/one") == "0");
  CHECK(found(m, "a.example", "/two") == "1");
  CHECK(found(m, "a.example", "/three") == "2");
  CHECK(found(m, "a.example", "/four") == "3");
}

TEST_CASE("hosts longer than a name can be match no host, but do match services without") {
  const std::string long_host = std::string(250, 'a') + ".example";
  const Matcher m({with({"*.example"}), with({}, "/p")});
  CHECK(found(m, std::string(240, 'a') + ".example") == "0");
  CHECK(found(m, long_host) == "none");
  CHECK(found(m, long_host, "/p/q") == "1");
  // Labels without end stay bounded work and memory.
  std::string dots;
  for (int i = 0; i < 120; ++i) dots += "a.";
  CHECK(found(m, dots + "example") == "0");
  CHECK(found(m, std::string(255, '.')) == "none");
}

TEST_CASE("the first of two equal rules wins") {
  const Matcher m({with({"a"}, "/x"), with({"A"}, "/x/"), with({"a"}, "/x")});
  CHECK(found(m, "a", "/x") == "0");
}

// ---- against the sentences of the header, put down naively

namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// Rank of a host pattern for a host: 0 no match, above it the better the higher.
std::size_t host_rank(const std::vector<std::string>& patterns, const std::string& host) {
  if (patterns.empty()) return 1;
  std::size_t best = 0;
  for (const auto& pattern : patterns) {
    if (pattern == host) best = 1'000'000;
    if (!pattern.starts_with("*.")) continue;
    const auto suffix = pattern.substr(1);
    if (host.size() > suffix.size() && host.ends_with(suffix))
      best = std::max(best, 1 + suffix.size());
  }
  return best;
}

bool path_ok(const std::string& prefix, const std::string& path) {
  if (prefix == "/") return true;
  return path == prefix || path.starts_with(prefix + "/");
}

std::string naive(const std::vector<Service>& services, std::string authority,
                  const std::string& target) {
  const auto host_end = authority.find(':');
  auto host = lower(authority.substr(0, host_end));
  if (host.ends_with('.')) host.pop_back();
  const auto path = target.substr(0, target.find('?'));
  std::pair<std::size_t, std::size_t> best{0, 0};
  std::string answer = "none";
  for (std::size_t i = 0; i < services.size(); ++i) {
    const auto& match = services[i].match;
    if (!match) {
      if (answer == "none") answer = std::to_string(i);
      continue;
    }
    const std::pair rank{host_rank(match->hosts, host), match->path_prefix.size()};
    if (rank.first == 0 || !path_ok(match->path_prefix, path) || rank <= best) continue;
    best = rank;
    answer = std::to_string(i);
  }
  return answer;
}

struct Generator {
  std::mt19937_64 random;
  std::size_t below(std::size_t n) { return random() % n; }
  std::string labels(std::size_t at_least) {
    static const char* const parts[] = {"a", "b", "shop", "example", "com", "x-1"};
    std::string out;
    const auto n = at_least + below(4);
    for (std::size_t i = 0; i < n; ++i) out += (i ? "." : "") + std::string(parts[below(6)]);
    return out;
  }
  std::string path() {
    static const char* const parts[] = {"/api", "/v1", "/apix", "/a"};
    std::string out;
    const auto n = 1 + below(3);
    for (std::size_t i = 0; i < n; ++i) out += parts[below(4)];
    return out;
  }
  std::string noisy(std::string host) {
    for (char& c : host) {
      if (below(3) == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    if (below(4) == 0) host += '.';
    if (below(3) == 0) host += ":8080";
    return host;
  }
};

}  // namespace

TEST_CASE("random configurations and requests agree with the naive reading") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  Generator g{std::mt19937_64(seed)};
  for (int round = 0; round < 300; ++round) {
    std::vector<Service> services;
    const auto count = 1 + g.below(12);
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::string> hosts;
      for (auto n = g.below(4); n > 0; --n) {
        hosts.push_back((g.below(2) ? "*." : "") + g.labels(1));
      }
      services.push_back(with(hosts, g.below(2) ? "/" : g.path()));
    }
    if (g.below(2)) services.insert(services.begin() + g.below(services.size() + 1), by_default());
    const Matcher m(services);
    for (int i = 0; i < 200; ++i) {
      const auto authority = g.below(20) ? g.noisy(g.labels(1)) : std::string();
      const auto target = g.below(10) ? g.path() + (g.below(3) ? "" : "?q=/api") : "/";
      INFO("round " << round << " authority " << authority << " target " << target);
      REQUIRE(found(m, authority, target) == naive(services, authority, target));
    }
  }
}
