// The faulty machine: a library that is loaded before the C library (LD_PRELOAD) and makes the disk
// full, its syncs stall and the wall clock wrong, as FaultControl says. Files outside FAULT_FOLDER
// and monotonic clocks are left alone.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/e2e/fault_control.hpp"

using switchback::test::FaultControl;

namespace {

FaultControl* control = nullptr;
char folder[512];

__attribute__((constructor)) void attach() {
  const char* file = ::getenv("FAULT_CONTROL");
  const char* where = ::getenv("FAULT_FOLDER");
  if (!file || !where) return;
  ::snprintf(folder, sizeof folder, "%s", where);
  const int fd = ::open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* page = ::mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (page == MAP_FAILED) return;
  control = static_cast<FaultControl*>(page);
  control->loaded = 1;
}

// Raw, so that nothing needs to be looked up before the first call.
long raw(long number, long a, long b, long c, long d = 0) {
  return ::syscall(number, a, b, c, d);
}

enum class Place { elsewhere, slots, ledger, other };

Place place_of_path(const char* path) {
  if (::strncmp(path, folder, ::strlen(folder)) != 0) return Place::elsewhere;
  if (::strstr(path, "/slots/")) return Place::slots;
  return ::strstr(path, "/ledger.db") ? Place::ledger : Place::other;
}

Place place_of(int fd) {
  char link[64], path[1024];
  ::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0) return Place::elsewhere;
  path[size] = '\0';
  return place_of_path(path);
}

bool refused(int fd) {
  if (!control || control->disk_full == 0) return false;
  const Place place = place_of(fd);
  if (place == Place::elsewhere) return false;
  if (place == Place::slots) ++control->slots_refused;
  if (place == Place::ledger) ++control->ledger_refused;
  errno = ENOSPC;
  return true;
}

void stall(int fd) {
  if (!control || control->sync_stalls == 0) return;
  const Place place = place_of(fd);
  if (place == Place::elsewhere) return;
  if (place == Place::slots) ++control->slots_stalled;
  if (place == Place::ledger) ++control->ledger_stalled;
  ++control->stalled_now;
  // The test ends the stall; the limit is for a test that went away.
  timespec limit{60, 0};
  while (control->sync_stalls != 0) {
    const long woken =
        ::syscall(SYS_futex, &control->sync_stalls, FUTEX_WAIT, 1, &limit, nullptr, 0);
    if (woken != 0 && errno == ETIMEDOUT) break;
  }
  --control->stalled_now;
}

std::int64_t offset() {
  const std::int64_t seconds = control ? control->clock_offset_s.load() : 0;
  if (seconds != 0) ++control->clock_moved;
  return seconds;
}

template <class Function>
Function next(const char* name, Function) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int fsync(int fd) {
  stall(fd);
  return static_cast<int>(raw(SYS_fsync, fd, 0, 0));
}

int fdatasync(int fd) {
  stall(fd);
  return static_cast<int>(raw(SYS_fdatasync, fd, 0, 0));
}

ssize_t write(int fd, const void* bytes, size_t size) {
  if (refused(fd)) return -1;
  return raw(SYS_write, fd, reinterpret_cast<long>(bytes), static_cast<long>(size));
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  if (refused(fd)) return -1;
  return raw(SYS_pwrite64, fd, reinterpret_cast<long>(bytes), static_cast<long>(size), at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  return pwrite(fd, bytes, size, at);
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  if (refused(fd)) return -1;
  return raw(SYS_writev, fd, reinterpret_cast<long>(pieces), count);
}

int ftruncate(int fd, off_t size) {
  if (size > 0 && refused(fd)) return -1;
  return static_cast<int>(raw(SYS_ftruncate, fd, size, 0));
}

int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static const auto real = next("clock_gettime", &clock_gettime);
  const int result = real(clock, out);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) out->tv_sec += offset();
  return result;
}

int gettimeofday(timeval* out, void* zone) noexcept {
  static const auto real = next("gettimeofday", &gettimeofday);
  const int result = real(out, zone);
  if (out) out->tv_sec += offset();
  return result;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
