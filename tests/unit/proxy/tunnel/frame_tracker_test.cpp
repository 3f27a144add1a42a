#include "proxy/tunnel/frame_tracker.hpp"

#include <set>

#include "proxy/tunnel/close_frame.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/proxy/tunnel/frames.hpp"

using namespace switchback::tunnel;
using namespace switchback::tunnel::test;

namespace {

// Frame ends as the tracker tells them, given the bytes in pieces that end at `cuts`.
std::vector<std::size_t> ends_of(const FrameCase& c, const std::vector<std::size_t>& cuts,
                                 std::string& state) {
  FrameTracker tracker;
  tracker.start(c.from, c.extensions);
  std::vector<std::size_t> ends;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    while (at < cut) {
      const auto before = tracker.frames();
      at += tracker.follow_frame(c.bytes.data() + at, cut - at);
      if (tracker.frames() != before) ends.push_back(at);
    }
  }
  state = state_of(tracker);
  return ends;
}

void check_cut(const FrameCase& c, const std::vector<std::size_t>& cuts) {
  std::string state;
  const auto ends = ends_of(c, cuts, state);
  if (ends != c.ends || state != c.then) {  // one check for thousands of cuts
    CAPTURE(c.name, cuts, ends, c.ends);
    CHECK(state == c.then);
    FAIL("cut so, it is something else");
  }
}

}  // namespace

TEST_CASE("frames end where the vectors say, however they are cut", "[frames]") {
  const auto cases = frame_cases();
  REQUIRE(cases.size() >= 50);
  std::set<std::string> names;
  for (const FrameCase& c : cases) {
    CHECK(names.insert(c.name).second);
    CHECK_FALSE(c.rfc.empty());
    const std::size_t size = c.bytes.size();
    check_cut(c, {size});
    std::vector<std::size_t> each;
    for (std::size_t i = 1; i <= size; ++i) each.push_back(i);
    check_cut(c, each);
    for (std::size_t cut = 0; cut < size; ++cut) check_cut(c, {cut, size});
    for (std::size_t cut = 0; cut < std::min<std::size_t>(size, 24); ++cut) {
      for (std::size_t next = cut; next < std::min<std::size_t>(size, 24); ++next) {
        check_cut(c, {cut, next, size});
      }
    }
  }
}

TEST_CASE("a Close that has begun is known by its first byte", "[frames]") {
  FrameTracker tracker;
  tracker.start(Sender::server, false);
  tracker.follow("\x89\x00", 2);
  CHECK_FALSE(tracker.close_begun());
  tracker.follow("\x88", 1);
  CHECK(tracker.close_begun());
  CHECK_FALSE(tracker.closed());
  tracker.follow("\x02\x03", 2);
  CHECK_FALSE(tracker.closed());
  tracker.follow("\xe8", 1);
  CHECK(tracker.closed());
  CHECK(tracker.close_begun());
}

TEST_CASE("Close frames of our own are what the RFC wants", "[frames]") {
  char frame[max_close_frame_bytes];
  const std::size_t plain = write_close_frame(frame, CloseCode::service_restart, Sender::server, 0);
  CHECK(std::string(frame, plain) ==
        "\x88\x11\x03\xf4"
        "service restart");
  FrameTracker tracker;
  tracker.start(Sender::server, false);
  CHECK(tracker.follow_frame(frame, plain) == plain);
  CHECK(tracker.closed());

  const std::size_t masked =
      write_close_frame(frame, CloseCode::going_away, Sender::client, 0x04030201);
  REQUIRE(masked == 2 + 4 + 2 + 10);
  CHECK(std::string(frame, 6) == std::string("\x88\x8c\x01\x02\x03\x04", 6));
  std::string payload(frame + 6, masked - 6);
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<char>(payload[i] ^ (i % 4 + 1));
  CHECK(payload == "\x03\xe9going away");
  tracker.start(Sender::client, false);
  CHECK(tracker.follow_frame(frame, masked) == masked);
  CHECK(tracker.closed());
}
