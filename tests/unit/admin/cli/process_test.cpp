#include "admin/cli/process.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;

TEST_CASE("the soft limit of open files becomes the hard one") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 64;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(cli::raise_descriptor_limit() == before.rlim_max);
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur == before.rlim_max);
}

TEST_CASE("the service manager is told over its socket") {
  const test::TempDir folder;
  const auto path = folder / "notify";
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);

  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  CHECK(cli::notify_manager("READY=1") == "");
  std::array<char, 64> got{};
  const auto n = ::recv(fd, got.data(), got.size(), MSG_DONTWAIT);
  REQUIRE(n > 0);
  CHECK(std::string(got.data(), static_cast<std::size_t>(n)) == "READY=1");
  ::close(fd);

  ::setenv("NOTIFY_SOCKET", (folder / "nobody").c_str(), 1);
  CHECK(cli::notify_manager("READY=1") != "");
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  CHECK(cli::notify_manager("READY=1") != "");
  ::unsetenv("NOTIFY_SOCKET");
  CHECK(cli::notify_manager("READY=1") == "");
}
