// The hot path's system calls, without what the C library adds to them: its recv(2), send(2) and
// their kin are cancellation points (pthread_cancel, which nobody here uses), and in a process with
// threads each costs two locked exchanges: more than a tenth of what a request costs outside of the
// kernel, together.
//
// As those calls: -1 and errno. With ThreadSanitizer they are the library's, which it watches.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace switchback::net {

#if defined(__SANITIZE_THREAD__)
inline ssize_t call_recv(int fd, void* into, std::size_t room, int flags) {
  return ::recv(fd, into, room, flags);
}
inline ssize_t call_send(int fd, const void* from, std::size_t bytes, int flags) {
  return ::send(fd, from, bytes, flags);
}
inline ssize_t call_sendmsg(int fd, const msghdr* message, int flags) {
  return ::sendmsg(fd, message, flags);
}
inline int call_epoll_wait(int fd, epoll_event* events, int most, int timeout_ms) {
  return ::epoll_wait(fd, events, most, timeout_ms);
}
#else
inline ssize_t call_recv(int fd, void* into, std::size_t room, int flags) {
  return ::syscall(SYS_recvfrom, fd, into, room, flags, nullptr, nullptr);
}
inline ssize_t call_send(int fd, const void* from, std::size_t bytes, int flags) {
  return ::syscall(SYS_sendto, fd, from, bytes, flags, nullptr, 0);
}
inline ssize_t call_sendmsg(int fd, const msghdr* message, int flags) {
  return ::syscall(SYS_sendmsg, fd, message, flags);
}
inline int call_epoll_wait(int fd, epoll_event* events, int most, int timeout_ms) {
  return static_cast<int>(
      ::syscall(SYS_epoll_pwait, fd, events, most, timeout_ms, nullptr, std::size_t{8}));
}
#endif

}  // namespace switchback::net
