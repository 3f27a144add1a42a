#include "proxy/log/access_log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using config::AccessFormat;
using log::AccessLog;
using log::AccessRecord;
using test::TempDir;
using test::until;

namespace {

void push(AccessLog& access, const std::string& target, unsigned worker = 0) {
  AccessRecord r;
  r.target = target;
  REQUIRE(access.ring(worker).push(r));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// The program log's lines while it lives.
struct CapturedLog {
  std::ostringstream text;
  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  CapturedLog() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text, true);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  }
  ~CapturedLog() { spdlog::set_default_logger(before); }
};

// Makes one of our standard streams something else for a while.
struct Redirected {
  int stream, kept;
  Redirected(int s, int to) : stream(s), kept(::dup(s)) { ::dup2(to, s); }
  ~Redirected() {
    ::dup2(kept, stream);
    ::close(kept);
  }
};

}  // namespace

TEST_CASE("records of all workers reach the file, each as one line") {
  TempDir dir;
  {
    AccessLog access(AccessFormat::json, dir.file("a.log"), 2);
    CHECK(access.enabled());
    push(access, "/one", 0);
    push(access, "/two", 1);
    access.flush();
    CHECK(access.written() == 2);
    CHECK(lines_of(dir.read("a.log")).size() == 2);
    push(access, "/at the end");
  }
  const auto lines = lines_of(dir.read("a.log"));
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[0], ContainsSubstring("\"target\":\"/one\""));
  CHECK_THAT(lines[2], ContainsSubstring("\"target\":\"/at the end\""));
  struct stat st {};
  ::stat(dir.file("a.log").c_str(), &st);
  CHECK((st.st_mode & 07777 & ~0640u) == 0);
}

TEST_CASE("without a flush, records arrive by themselves") {
  TempDir dir;
  AccessLog access(AccessFormat::text, dir.file("a.log"), 1);
  push(access, "/soon");
  CHECK(until([&] { return !dir.read("a.log").empty(); }));
  CHECK_THAT(dir.read("a.log"), ContainsSubstring("\" /soon HTTP/1.1\""));
}

TEST_CASE("off: nothing is opened and records vanish") {
  AccessLog access(AccessFormat::off, "/no/such/folder/a.log", 1);
  CHECK(!access.enabled());
  for (int i = 0; i < 10'000; ++i) push(access, "/x");
  access.flush();
  access.reopen();
  CHECK(access.written() == 0);
}

TEST_CASE("a sink that cannot be opened is one clear line") {
  CHECK_THROWS_WITH(AccessLog(AccessFormat::json, "/no/such/folder/a.log", 1),
                    "log.path /no/such/folder/a.log: cannot be opened for writing: "
                    "No such file or directory");
  TempDir dir;
  const auto fifo = dir.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(AccessLog(AccessFormat::json, fifo, 1), ContainsSubstring("No such device"));
}

TEST_CASE("reopening under load tears no record and loses none") {
  TempDir dir;
  constexpr std::uint64_t total = 20'000;
  std::uint64_t dropped = 0;
  {
    AccessLog access(AccessFormat::json, dir.file("a.log"), 1);
    std::atomic<bool> finished{false};
    std::thread worker([&] {
      for (std::uint64_t i = 0; i < total; ++i) {
        AccessRecord r;
        const auto target = "/" + std::to_string(i) + std::string(i % 300, 'x');
        r.target = target;
        if (!access.ring(0).push(r)) ++dropped;
      }
      finished = true;
    });
    for (int n = 0; !finished; ++n) {
      std::filesystem::rename(dir.file("a.log"), dir.file("old." + std::to_string(n)));
      access.reopen();
      REQUIRE(until([&] { return std::filesystem::exists(dir.file("a.log")); }));
    }
    worker.join();
    access.flush();
    CHECK(access.written() == total - dropped);
    CHECK(access.write_errors() == 0);
  }
  std::uint64_t whole = 0;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    const auto text = dir.read(entry.path().filename().string());
    REQUIRE((text.empty() || text.back() == '\n'));
    for (const auto& line : lines_of(text)) {
      REQUIRE(line.starts_with("{\"time\""));
      REQUIRE(line.ends_with("}"));
      ++whole;
    }
    ++files;
  }
  CHECK(whole == total - dropped);
  CHECK(files > 1);
}

TEST_CASE("a file that cannot be reopened goes on being written") {
  TempDir dir;
  std::filesystem::create_directory(dir.file("sub"));
  CapturedLog program;
  AccessLog access(AccessFormat::json, dir.file("sub/a.log"), 1);
  std::filesystem::rename(dir.file("sub"), dir.file("moved"));
  access.reopen();
  push(access, "/still");
  access.flush();
  CHECK_THAT(dir.read("moved/a.log"), ContainsSubstring("/still"));
  CHECK_THAT(program.text.str(),
             ContainsSubstring("cannot be reopened: No such file or directory"));
}

// RLIMIT_FSIZE stands in for a full disk: writes stop at a byte, possibly within a record, and go
// on when there is room again.
TEST_CASE("a full disk is counted, told once, never blocks, and ends without a torn record") {
  TempDir dir;
  CapturedLog program;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  std::uint64_t accepted = 0;
  {
    AccessLog access(AccessFormat::json, dir.file("a.log"), 1);
    const rlimit small{1000, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    for (int i = 0; i < 20; ++i) push(access, "/" + std::to_string(accepted++));
    access.flush();
    CHECK(std::filesystem::file_size(dir.file("a.log")) == 1000);
    const auto errors = access.write_errors();
    CHECK(errors >= 1);
    access.flush();
    CHECK(access.write_errors() > errors);  // tried again
    CHECK_THAT(program.text.str(), ContainsSubstring("File too large"));
    CHECK(lines_of(program.text.str()).size() == 1);

    // The ring fills up; pushing goes on at once, with false.
    bool full = false;
    for (int i = 0; i < 20'000 && !full; ++i) {
      AccessRecord r;
      const auto target = "/" + std::to_string(accepted);
      r.target = target;
      if (access.ring(0).push(r)) {
        ++accepted;
      } else {
        full = true;
      }
    }
    CHECK(full);

    SECTION("room again") {
      ::setrlimit(RLIMIT_FSIZE, &before);
      CHECK(until([&] { return access.written() == accepted; }));
      CHECK_THAT(program.text.str(), ContainsSubstring("writing again"));
      CHECK(lines_of(program.text.str()).size() == 2);
    }
    SECTION("another file instead") {
      std::filesystem::rename(dir.file("a.log"), dir.file("old.log"));
      access.reopen();
      access.flush();  // the new file is as small
      ::setrlimit(RLIMIT_FSIZE, &before);
      CHECK(until([&] { return access.written() == accepted; }));
      CHECK(dir.read("a.log").starts_with("{"));
    }
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  // Every record is whole in one of the files; only the file that was left behind has a torn tail.
  std::uint64_t next = 0;
  for (const auto* file : {"old.log", "a.log"}) {
    for (const auto& line : lines_of(dir.read(file))) {
      if (!line.ends_with("}")) {
        CHECK(file == std::string("old.log"));
        continue;
      }
      REQUIRE_THAT(line, ContainsSubstring("\"target\":\"/" + std::to_string(next++) + "\""));
    }
  }
  CHECK(next == accepted);
}

TEST_CASE("stdout as a pipe: a slow reader gets everything, a reader that went is an error") {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
  CapturedLog program;
  std::unique_ptr<AccessLog> access;
  {
    const Redirected redirected(STDOUT_FILENO, fds[1]);
    access = std::make_unique<AccessLog>(AccessFormat::json, "stdout", 1);
  }
  // Whoever shares the pipe must not find it non-blocking all at once.
  CHECK((::fcntl(fds[1], F_GETFL) & O_NONBLOCK) == 0);
  ::close(fds[1]);

  SECTION("slow reader") {
    constexpr std::size_t count = 3000;  // more than a pipe holds
    for (std::size_t i = 0; i < count; ++i) push(*access, "/" + std::to_string(i));
    std::string got;
    std::thread reader([&] {
      char piece[1000];
      for (long n; (n = ::read(fds[0], piece, sizeof piece)) > 0;)
        got.append(piece, static_cast<std::size_t>(n));
    });
    access->flush();
    CHECK(access->written() == count);
    access.reset();
    reader.join();
    CHECK(lines_of(got).size() == count);
    CHECK(program.text.str().empty());
    ::close(fds[0]);
  }
  SECTION("no reader") {
    ::close(fds[0]);
    push(*access, "/x");
    access->flush();
    CHECK(access->written() == 0);
    CHECK(access->write_errors() >= 1);
    CHECK_THAT(program.text.str(), ContainsSubstring("Broken pipe"));
  }
  SECTION("a reader that never reads does not hold the end for long") {
    for (std::size_t i = 0; i < 3000; ++i) push(*access, "/" + std::to_string(i));
    access.reset();
    CHECK(program.text.str().empty());
    ::close(fds[0]);
  }
}

TEST_CASE("stderr as a socket") {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  CapturedLog program;
  std::unique_ptr<AccessLog> access;
  {
    const Redirected redirected(STDERR_FILENO, fds[1]);
    access = std::make_unique<AccessLog>(AccessFormat::json, "stderr", 1);
  }
  ::close(fds[1]);
  push(*access, "/x");
  access->flush();
  char piece[2000];
  const auto n = ::read(fds[0], piece, sizeof piece);
  REQUIRE(n > 0);
  CHECK_THAT(std::string(piece, static_cast<std::size_t>(n)), ContainsSubstring("\"/x\""));
  ::close(fds[0]);
  push(*access, "/y");
  access->flush();
  CHECK(access->write_errors() >= 1);
}

TEST_CASE("the program log: form, and a level that changes") {
  TempDir dir;
  const int fd = ::open(dir.file("err").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  {
    std::fflush(stderr);
    const Redirected redirected(STDERR_FILENO, fd);
    log::start_program_log(config::LogLevel::warn);
    spdlog::info("quiet");
    spdlog::warn("loud {}", 1);
    log::set_program_log_level(config::LogLevel::debug);
    spdlog::debug("now");
    spdlog::trace("not");
    log::set_program_log_level(config::LogLevel::error);
    spdlog::warn("again quiet");
    std::fflush(stderr);
  }
  ::close(fd);
  log::start_program_log(config::LogLevel::info);
  const auto lines = lines_of(dir.read("err"));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == std::string("2026-11-22T14:02:07.123Z warning loud 1").size());
  CHECK(lines[0][10] == 'T');
  CHECK(lines[0].substr(23) == "Z warning loud 1");
  CHECK(lines[1].substr(23) == "Z debug now");
}

TEST_CASE("the program log: nobody reads it, and nobody waits") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  const std::uint64_t before = log::dropped_program_log_lines();
  const std::string text(1000, 'x');
  {
    const Redirected redirected(STDERR_FILENO, fds[1]);
    log::start_program_log(config::LogLevel::info);
  }
  for (int i = 0; i < 1000; ++i) spdlog::info("{} {}", i, text);
  CHECK(log::dropped_program_log_lines() > before);
  // Somebody reads again: what waited comes, and where lines are missing it says so.
  std::string seen;
  std::thread reader([&] {
    char piece[4096];
    for (;;) {
      const auto n = ::read(fds[0], piece, sizeof piece);
      if (n <= 0) return;
      seen.append(piece, static_cast<std::size_t>(n));
    }
  });
  spdlog::default_logger()->flush();
  spdlog::info("the last");
  log::start_program_log(config::LogLevel::info);  // ends the other, once it has written
  ::close(fds[1]);
  reader.join();
  ::close(fds[0]);
  CHECK_THAT(seen, ContainsSubstring(" 0 x"));
  CHECK_THAT(seen, ContainsSubstring("lines are missing here"));
  CHECK_THAT(seen, ContainsSubstring("the last"));
}
