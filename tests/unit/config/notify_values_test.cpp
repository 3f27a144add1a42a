// Addresses of webhooks: what they are made of, and what is none.
#include "config/notify_values.hpp"

#include "tests/support/catch.hpp"

namespace switchback::config {
namespace {

TEST_CASE("addresses are taken apart") {
  std::string why;
  const auto plain = parse_webhook_url("http://chat.example.com", why);
  REQUIRE(plain);
  CHECK(why.empty());
  CHECK_FALSE(plain->tls);
  CHECK(plain->host == "chat.example.com");
  CHECK(plain->port == 80);
  CHECK(plain->target == "/");
  const auto whole = parse_webhook_url("https://[::1]:8443/a/b?c=d#part", why);
  REQUIRE(whole);
  CHECK(whole->tls);
  CHECK(whole->host == "::1");
  CHECK(whole->port == 8443);
  CHECK(whole->target == "/a/b?c=d");
  CHECK(parse_webhook_url("https://x?y", why)->target == "/?y");
  CHECK(parse_webhook_url("https://x", why)->port == 443);
}

TEST_CASE("what is no address is refused, and never shown") {
  for (const char* text :
       {"", "x", "ftp://x/", "http://", "http:///x", "http://a b/", "http://x\r\nHost: y/",
        "https://dana:secret@x/", "http://x:0/", "http://x:99999/", "http://x:/", "http://[::1/",
        "http://[::1]x/", "https://\xc3\xa4.example/"}) {
    INFO(text);
    std::string why;
    CHECK_FALSE(parse_webhook_url(text, why));
    CHECK_FALSE(why.empty());
    CHECK(why.find("secret") == std::string::npos);
  }
  NotifyTarget target;
  target.name = "ops";
  target.webhook = "https://hooks.example.com/services/T000/secret";
  CHECK(show_value(target)[0].find("secret") == std::string::npos);
}

}  // namespace
}  // namespace switchback::config
