#include "proxy/dns/message.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::dns;

namespace {

std::string number(unsigned value, unsigned bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes) & 0xff);
  return out;
}

std::string encoded(std::string name) {
  std::string out;
  for (std::size_t dot; (dot = name.find('.')) != std::string::npos; name.erase(0, dot + 1)) {
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
  }
  return out + '\0';
}

std::string record(const std::string& owner, unsigned type, unsigned ttl, const std::string& data) {
  return encoded(owner) + number(type, 2) + number(1, 2) + number(ttl, 4) +
         number(static_cast<unsigned>(data.size()), 2) + data;
}
std::string a(const std::string& owner, unsigned last, unsigned ttl = 30) {
  return record(owner, 1, ttl, number(0x0a000000 + last, 4));
}
std::string cname(const std::string& owner, const std::string& target, unsigned ttl = 60) {
  return record(owner, 5, ttl, encoded(target));
}

std::string message(const std::vector<std::string>& answers) {
  std::string out = number(0x1234'8180, 4) + number(1, 2) +
                    number(static_cast<unsigned>(answers.size()), 2) + number(0, 4) +
                    encoded("app.test.") + number(1, 2) + number(1, 2);
  for (const auto& answer : answers) out += answer;
  return out;
}

std::optional<FamilyAnswer> read(const std::string& bytes) {
  return read_message(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      "app.test.", false);
}

// The last bytes of the addresses, e.g. "7 9"; "none", "malformed".
std::string addresses(const std::vector<std::string>& answers) {
  const auto answer = read(message(answers));
  if (!answer) return "malformed";
  if (answer->outcome != Outcome::found) return "none";
  std::string out;
  for (const Ip& ip : answer->addresses) {
    out += (out.empty() ? "" : " ") + std::to_string(ip.bytes[3]);
  }
  return out;
}

}  // namespace

TEST_CASE("addresses are found in whatever order the records stand") {
  CHECK(addresses({a("app.test.", 7), a("app.test.", 9)}) == "7 9");
  CHECK(addresses({cname("app.test.", "real.test."), a("real.test.", 7)}) == "7");
  CHECK(addresses({a("real.test.", 7), cname("app.test.", "real.test.")}) == "7");
  CHECK(addresses({a("c.test.", 7), cname("b.test.", "c.test."), cname("app.test.", "b.test.")}) ==
        "7");
  CHECK(addresses({cname("b.test.", "c.test."), a("c.test.", 7), cname("app.test.", "b.test.")}) ==
        "7");
  CHECK(addresses({a("APP.Test.", 7)}) == "7");
}

TEST_CASE("addresses of other names are not taken") {
  CHECK(addresses({a("other.test.", 7)}) == "none");
  CHECK(addresses({a("other.test.", 7), cname("app.test.", "real.test."), a("real.test.", 9)}) ==
        "9");
  CHECK(addresses({cname("app.test.", "real.test.")}) == "none");
  CHECK(addresses({record("app.test.", 16, 30, "text")}) == "none");
  CHECK(addresses({}) == "none");
}

TEST_CASE("chains end: in a circle, and when they are too long") {
  CHECK(addresses({cname("app.test.", "b.test."), cname("b.test.", "app.test.")}) == "none");
  std::vector<std::string> chain;
  std::string at = "app.test.";
  for (int i = 0; i < 20; ++i) {
    const std::string next = "n" + std::to_string(i) + ".test.";
    chain.push_back(cname(at, next));
    at = next;
  }
  chain.push_back(a(at, 7));
  CHECK(addresses(chain) == "none");
}

TEST_CASE("the TTL is the smallest of the chain") {
  const auto ttl = [](const std::vector<std::string>& answers) {
    return read(message(answers))->ttl_s;
  };
  CHECK(ttl({a("app.test.", 7, 30)}) == 30);
  CHECK(ttl({a("real.test.", 7, 30), cname("app.test.", "real.test.", 5)}) == 5);
  CHECK(ttl({a("app.test.", 7, 0x80000001)}) == 0);  // RFC 2181 section 8
}

TEST_CASE("malformed answers are none") {
  const std::string whole = message({cname("app.test.", "real.test."), a("real.test.", 7)});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK_FALSE(read(whole.substr(0, size)));
  }
  CHECK(addresses({record("app.test.", 1, 30, "five!")}) == "malformed");
}
