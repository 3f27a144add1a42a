#include "proxy/log/access_ring.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/support/catch.hpp"

using namespace switchback;
using log::AccessRecord;
using Ring = log::AccessRing::Impl;

namespace {

std::uint64_t hash_of(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

// A record whose texts can be recomputed from its number.
struct Numbered {
  std::string target, agent, detail;
  AccessRecord record;
  explicit Numbered(std::uint64_t n) {
    const std::uint64_t mixed = (n + 1) * 0x9E3779B97F4A7C15ULL;
    target.assign((mixed >> 40) % 300, static_cast<char>('a' + n % 26));
    agent.assign((mixed >> 20) % 100, static_cast<char>('A' + n % 26));
    detail = std::to_string(n);
    record.epoch = n;
    record.status = static_cast<std::uint16_t>(n);
    record.target = target;
    record.user_agent = agent;
    record.detail = detail;
    record.bytes_in = checksum(record);
  }
  static std::uint64_t checksum(const AccessRecord& r) {
    return hash_of(r.detail, hash_of(r.user_agent, hash_of(r.target))) ^ r.epoch ^ r.status;
  }
};

}  // namespace

TEST_CASE("a record comes out as it went in") {
  Ring ring(0);
  AccessRecord in;
  in.wall_us = 1;
  in.wait_ns = 2;
  in.connect_ns = 3;
  in.first_byte_ns = 4;
  in.total_ns = 5;
  in.bytes_in = 6;
  in.bytes_out = 7;
  in.epoch = 8;
  in.status = 404;
  in.retries = 9;
  in.minor_version = 0;
  in.has_color = true;
  in.color = Color::green;
  in.reason = http::Reason::drain_forced;
  in.traffic_class = "stream";
  in.client = "c";
  in.method = "m";
  in.host = "h";
  in.target = "/t";
  in.service = "s";
  in.server = "v";
  in.request_id = "i";
  in.user_agent = "u";
  in.referer = "r";
  in.trace_id = "t";
  in.detail = "d";
  REQUIRE(ring.push(in));
  REQUIRE(ring.push({}));
  int seen = 0;
  CHECK(ring.consume([&](const AccessRecord& out) {
    if (seen++ == 0) {
      CHECK(out.wall_us == 1);
      CHECK(out.wait_ns == 2);
      CHECK(out.connect_ns == 3);
      CHECK(out.first_byte_ns == 4);
      CHECK(out.total_ns == 5);
      CHECK(out.bytes_in == 6);
      CHECK(out.bytes_out == 7);
      CHECK(out.epoch == 8);
      CHECK(out.status == 404);
      CHECK(out.retries == 9);
      CHECK(out.minor_version == 0);
      CHECK(out.has_color);
      CHECK(out.color == Color::green);
      CHECK(out.reason == http::Reason::drain_forced);
      CHECK(out.traffic_class == "stream");
      CHECK(std::string(out.client).append(out.method).append(out.host).append(out.target) ==
            "cmh/t");
      CHECK(std::string(out.service).append(out.server).append(out.request_id) == "svi");
      CHECK(std::string(out.user_agent).append(out.referer).append(out.detail) == "urd");
      CHECK(out.trace_id == "t");
    } else {
      CHECK(!out.has_color);
      CHECK(out.target.empty());
    }
    return true;
  }) == 2);
  CHECK(ring.empty());
}

TEST_CASE("long texts are cut, and not inside a character") {
  Ring ring(0);
  AccessRecord in;
  const std::string euros = [] {
    std::string s;
    for (int i = 0; i < 2000; ++i) s += "€";
    return s;
  }();
  const std::string tails(5000, '\x80');
  const std::string plain(5000, 'x');
  in.user_agent = euros;
  in.referer = tails;
  in.target = plain;
  in.host = plain;
  REQUIRE(ring.push(in));
  ring.consume([&](const AccessRecord& out) {
    CHECK(out.user_agent == euros.substr(0, 1023));  // 341 whole ones
    CHECK(out.referer.size() == 1024);
    CHECK(out.target.size() == 2048);
    CHECK(out.host.size() == 1024);
    return true;
  });
}

TEST_CASE("a full ring drops the newest and loses nothing else") {
  Ring ring(0);
  std::uint64_t accepted = 0, dropped = 0;
  while (dropped < 10) {
    const Numbered n(accepted);
    if (ring.push(n.record)) {
      REQUIRE(dropped == 0);
      ++accepted;
    } else {
      ++dropped;
    }
  }
  CHECK(accepted > 50);
  std::uint64_t next = 0;
  ring.consume([&](const AccessRecord& r) {
    REQUIRE(r.epoch == next++);
    REQUIRE(r.bytes_in == Numbered::checksum(r));
    return true;
  });
  CHECK(next == accepted);
  CHECK(ring.push({}));
}

TEST_CASE("the largest record fits wherever the ring's front is") {
  const std::string big(10'000, 'b');
  AccessRecord large;
  for (auto* text : {&large.traffic_class, &large.client, &large.method, &large.host, &large.target,
                     &large.service, &large.server, &large.request_id, &large.user_agent,
                     &large.referer, &large.detail}) {
    *text = big;
  }
  Ring ring(0);
  for (std::size_t i = 0; i < 2000; ++i) {
    AccessRecord small;
    const std::string shift(i % 97, 's');
    small.target = shift;
    REQUIRE(ring.push(small));
    ring.consume([](const AccessRecord&) { return true; });
    REQUIRE(ring.push(large));
    std::size_t got = 0;
    ring.consume([&](const AccessRecord& r) {
      got = r.target.size();
      return true;
    });
    REQUIRE(got == 2048);
  }
}

TEST_CASE("a consumer may stop after any record") {
  Ring ring(0);
  for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(ring.push(Numbered(i).record));
  std::uint64_t next = 0;
  const auto one = [&](const AccessRecord& r) {
    CHECK(r.epoch == next++);
    return false;
  };
  while (ring.consume(one) == 1) {
  }
  CHECK(next == 5);
}

TEST_CASE("producer and consumer at the same time: whole records, in order, none twice") {
  Ring ring(0);
  constexpr std::uint64_t total = 200'000;
  std::uint64_t dropped = 0;
  std::atomic<bool> finished{false};
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < total; ++i) {
      if (!ring.push(Numbered(i).record)) ++dropped;
    }
    finished = true;
  });
  std::uint64_t taken = 0, wrong = 0, last = 0;
  for (bool end = false; !end;) {
    end = finished.load();
    ring.consume([&](const AccessRecord& r) {
      wrong += r.bytes_in != Numbered::checksum(r);
      wrong += taken != 0 && r.epoch <= last;
      last = r.epoch;
      ++taken;
      return true;
    });
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK(taken + dropped == total);
  CHECK(taken > 0);
}

TEST_CASE("the consumer is called once when the ring gets half full, and not before") {
  Ring ring(1 << 20);
  ring.wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::uint64_t calls = 0;
  const AccessRecord record;
  std::size_t pushed = 0;
  while (::read(ring.wake_fd, &calls, sizeof calls) < 0) {
    REQUIRE(ring.push(record));
    ++pushed;
  }
  CHECK(ring.head - ring.tail > ring.size / 2);
  CHECK(ring.head - ring.tail <= ring.size / 2 + 200);
  while (ring.push(record)) {
  }
  CHECK(::read(ring.wake_fd, &calls, sizeof calls) < 0);  // it was called already
  ring.woken = false;
  CHECK(!ring.push(record));
  ring.consume([](const AccessRecord&) { return true; });
  CHECK(ring.push(record));
  CHECK(::read(ring.wake_fd, &calls, sizeof calls) < 0);  // empty again: no call
  ::close(ring.wake_fd);
}
