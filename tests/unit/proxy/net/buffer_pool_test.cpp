#include "proxy/net/buffer_pool.hpp"

#include <cstring>
#include <utility>

#include "tests/support/catch.hpp"

using namespace switchback::net;

TEST_CASE("a buffer has the room its size promises, all of it writable") {
  BufferPool pool;
  for (auto [size, bytes] : {std::pair{BufferSize::small, small_buffer_bytes},
                             std::pair{BufferSize::large, large_buffer_bytes}}) {
    BufferRef buffer = pool.take(size);
    REQUIRE(buffer);
    CHECK(buffer.capacity() == bytes);
    CHECK(pool.lent_bytes() == bytes);
    std::memset(buffer.data(), 'x', buffer.capacity());
  }
  CHECK(pool.lent_bytes() == 0);
  CHECK(pool.free_bytes() == small_buffer_bytes + large_buffer_bytes);
}

TEST_CASE("the buffer given back last is lent first") {
  BufferPool pool;
  BufferRef a = pool.take(BufferSize::small);
  BufferRef b = pool.take(BufferSize::small);
  const Buffer* const first = a.get();
  const Buffer* const second = b.get();
  b.reset();
  a.reset();
  CHECK(pool.free_bytes() == 2 * small_buffer_bytes);
  BufferRef again = pool.take(BufferSize::small);
  CHECK(again.get() == first);
  BufferRef and_again = pool.take(BufferSize::small);
  CHECK(and_again.get() == second);
  CHECK(pool.free_bytes() == 0);
}

TEST_CASE("the last of several references gives the buffer back") {
  BufferPool pool;
  BufferRef a = pool.take(BufferSize::small);
  CHECK(a.unique());
  BufferRef b = a;
  CHECK_FALSE(a.unique());
  BufferRef c = std::move(b);
  CHECK_FALSE(static_cast<bool>(b));
  a.reset();
  CHECK(c.unique());
  CHECK(pool.lent_bytes() == small_buffer_bytes);
  c = BufferRef{};
  CHECK(pool.lent_bytes() == 0);
}

TEST_CASE("assigning a reference releases the buffer it held, and survives itself") {
  BufferPool pool;
  BufferRef a = pool.take(BufferSize::small);
  BufferRef b = pool.take(BufferSize::large);
  a = b;
  CHECK(pool.lent_bytes() == large_buffer_bytes);
  const BufferRef& alias = a;
  a = alias;
  CHECK(a.get() == b.get());
  CHECK(a.get()->references == 2);
}

TEST_CASE("free buffers beyond the limit go back to the system") {
  BufferPool pool(2 * small_buffer_bytes);
  {
    BufferRef a = pool.take(BufferSize::small);
    BufferRef b = pool.take(BufferSize::small);
    BufferRef c = pool.take(BufferSize::small);
    BufferRef d = pool.take(BufferSize::large);
  }
  CHECK(pool.lent_bytes() == 0);
  CHECK(pool.free_bytes() == 2 * small_buffer_bytes);
}
