#include "proxy/http/host.hpp"

#include <string>

#include "tests/support/catch.hpp"

using switchback::http::valid_authority;

TEST_CASE("authorities that are taken") {
  for (const char* text : {"a", "a.b", "a:1", "a:", "a:65535", "A-b_c~d.", "127.0.0.1:8080",
                           "[::1]", "[2001:DB8::1]:443", "[::ffff:10.0.0.1]", "a%2Db", "a:00080"})
    CHECK(valid_authority(text));
}

TEST_CASE("authorities that are refused") {
  for (const char* text :
       {"",      ":",    ":80",  "a:65536", "a:-1", "a:1x",      "a:999999", "a b",
        "a@b",   "a/b",  "a,b",  "a;b",     "a%",   "a%2",       "a%zz",     "[",
        "[]",    "[::1", "::1",  "[::1]x",  "[a]",  "[1.2.3.4]", "[v1.a]",   "[::1%25lo]",
        "a:1:2", "a\\b", "a\"b", "a'b",     "a!b",  "a\tb",      "\x80"})
    CHECK_FALSE(valid_authority(text));
  CHECK_FALSE(valid_authority(std::string("a\0b", 3)));
  CHECK_FALSE(valid_authority(std::string("[::1\0]", 6)));
  CHECK_FALSE(valid_authority("[" + std::string(100, '1') + "]"));
}
