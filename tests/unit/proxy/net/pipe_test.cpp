#include "proxy/net/pipe.hpp"

#include <fcntl.h>

#include "tests/unit/proxy/net/net_fixtures.hpp"

using namespace switchback::net;

TEST_CASE("a pipe that is empty is used again, one with bytes is closed") {
  PipePool pool;
  PipeRef pipe = pool.take();
  REQUIRE(pipe);
  const int fd = pipe->read_fd;
  pipe.reset();
  CHECK(pool.open() == 1);
  pipe = pool.take();
  CHECK(pipe->read_fd == fd);
  REQUIRE(::write(pipe->write_fd, "x", 1) == 1);
  pipe->held = 1;
  pipe.reset();
  CHECK(pool.open() == 0);
  CHECK(::fcntl(fd, F_GETFD) == -1);
}

TEST_CASE("so many pipes and no more, and few of them are kept") {
  PipePool pool;
  std::vector<PipeRef> lent;
  for (std::size_t i = 0; i < PipePool::most_pipes; ++i) lent.push_back(pool.take());
  CHECK(lent.back());
  CHECK_FALSE(pool.take());
  lent.pop_back();
  CHECK(pool.take());
  lent.clear();
  CHECK(pool.open() == PipePool::most_free);
  CHECK(pool.trim());
  CHECK(pool.open() == 0);
  CHECK_FALSE(pool.trim());
}
