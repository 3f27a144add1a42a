// Counts a process's heap calls from outside: preload it (LD_PRELOAD), name a file of 64 bytes in
// BENCH_ALLOC_FILE, and read three 64-bit numbers from that file at any time: allocations,
// frees, bytes asked for. All threads and children of the process count into the same file.
// The GNU C library's own entry points do the work, so nothing is looked up at run time.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

struct Counters {
  std::atomic<std::uint64_t> allocations{0}, frees{0}, bytes{0};
};

Counters before_start;  // calls from before the file is mapped go here
std::atomic<Counters*> counters{&before_start};

__attribute__((constructor)) void map_file() {
  const char* path = std::getenv("BENCH_ALLOC_FILE");
  if (path == nullptr) return;
  const int fd = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, 64) != 0) return;
  void* place = ::mmap(nullptr, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (place != MAP_FAILED) counters.store(static_cast<Counters*>(place));
}

void count(std::size_t bytes) {
  Counters& c = *counters.load(std::memory_order_relaxed);
  c.allocations.fetch_add(1, std::memory_order_relaxed);
  c.bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void count_free(const void* place) {
  if (place != nullptr) counters.load(std::memory_order_relaxed)->frees.fetch_add(1);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  count(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  count(n * size);
  return __libc_calloc(n, size);
}
void* realloc(void* place, std::size_t size) {
  count(size);
  count_free(place);
  return __libc_realloc(place, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return memalign(alignment, size);
}
int posix_memalign(void** place, std::size_t alignment, std::size_t size) {
  *place = memalign(alignment, size);
  return *place == nullptr ? 12 : 0;  // ENOMEM
}
void free(void* place) {
  count_free(place);
  __libc_free(place);
}

}  // extern "C"
