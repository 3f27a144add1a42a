#include "proxy/http1/scan.hpp"

#include <cstring>
#include <memory>
#include <string>

#include "tests/support/catch.hpp"

using namespace switchback::http1;

namespace {

bool stops_value(unsigned char c) {
  return (c < 0x20 && c != '\t') || c == 0x7f;
}
bool stops_target(unsigned char c) {
  return c <= 0x20 || c >= 0x7f || c == '#';
}

// Each byte value at each place of texts of each length up to 40, in buffers of exactly that size.
template <class Scan, class Stops>
void check_scan(Scan scan, Stops stops) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const std::unique_ptr<char[]> text(new char[size]);
    std::memset(text.get(), 'a', size);
    const char* const end = text.get() + size;
    REQUIRE(scan(text.get(), end) == end);
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        text[at] = static_cast<char>(byte);
        const char* const expected =
            stops(static_cast<unsigned char>(byte)) ? text.get() + at : end;
        if (scan(text.get(), end) != expected)
          FAIL("byte " << byte << " at " << at << " of " << size);
      }
      text[at] = 'a';
    }
  }
}

}  // namespace

TEST_CASE("values end at control characters other than tabs") {
  check_scan(scan::value_end, stops_value);
}

TEST_CASE("targets end at everything that is not visible ASCII, and at a number sign") {
  check_scan(scan::target_end, stops_target);
}

TEST_CASE("the first of two stops is told") {
  const std::string text = std::string(20, 'a') + "\r" + std::string(3, 'a') + "\n";
  CHECK(scan::value_end(text.data(), text.data() + text.size()) == text.data() + 20);
}

TEST_CASE("a colon is found within 32 bytes, or left to the slow way") {
  for (std::size_t size = 0; size <= 70; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      const std::unique_ptr<char[]> text(new char[size]);
      std::memset(text.get(), 'a', size);
      text[at] = ':';
      const char* const found = scan::near_colon(text.get(), text.get() + size);
      if (found != nullptr) REQUIRE(found == text.get() + at);
      if (at >= 32 || size < 32) REQUIRE(found == nullptr);
    }
  }
}
