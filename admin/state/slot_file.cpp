#include "admin/state/slot_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "admin/state/state_store.hpp"

namespace switchback::state {

UniqueFd& UniqueFd::operator=(UniqueFd&& from) noexcept {
  if (this != &from) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = from.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

void sync_folder(const std::string& path) {
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
}

SlotFile::SlotFile(std::string path, std::string state_id, std::string service, Sync sync,
                   Restore restore)
    : path_(std::move(path)),
      state_id_(std::move(state_id)),
      service_(std::move(service)),
      sync_(std::move(sync)),
      restore_(std::move(restore)) {
  if (!open_to_write()) {
    if (errno != EROFS && errno != EACCES && errno != EPERM) throw StateError(failure());
    writable_ = false;
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  }
  if (fd_.get() >= 0) read();
}

bool SlotFile::open_to_write() {
  UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return false;
  if (info.st_size < static_cast<off_t>(2 * slot_size)) {
    const std::uint8_t zeros[2 * slot_size] = {};
    const auto have = static_cast<std::size_t>(info.st_size);
    const auto missing = static_cast<ssize_t>(sizeof zeros - have);
    if (::pwrite(fd.get(), zeros, static_cast<std::size_t>(missing), info.st_size) != missing)
      return false;
    if (sync_ && ::fsync(fd.get()) != 0) return false;
  }
  fd_ = std::move(fd);
  writable_ = true;
  return true;
}

void SlotFile::read() {
  for (unsigned index = 0; index < 2; ++index) {
    SlotBytes bytes;
    const auto got =
        ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(index * slot_size));
    if (got < 0) throw StateError(failure());
    if (got != static_cast<ssize_t>(bytes.size())) continue;
    const auto slot = decode_slot(bytes, state_id_, service_);
    if (!slot) continue;
    const bool newer = !newest_ || slot->value.epoch > newest_->epoch ||
                       (slot->value.epoch == newest_->epoch && slot->sequence > sequence_);
    if (!newer) continue;
    newest_ = slot->value;
    sequence_ = slot->sequence;
    next_ = 1 - index;
  }
}

// Only what is sure counts as gone: of anything else the write itself will tell.
bool SlotFile::in_place() const {
  struct stat there = {}, here = {};
  if (::stat(path_.c_str(), &there) != 0) return errno != ENOENT && errno != ENOTDIR;
  return ::fstat(fd_.get(), &here) == 0 && there.st_dev == here.st_dev &&
         there.st_ino == here.st_ino;
}

std::string SlotFile::make_anew() {
  if (restore_) {
    auto fault = restore_();
    if (!fault.empty()) return fault;
  }
  if (!open_to_write()) return failure();
  if (sync_) sync_folder(path_.substr(0, path_.rfind('/')));
  return {};
}

std::string SlotFile::mend() {
  return !newest_ || !writable_ || in_place() ? std::string() : write(*newest_);
}

std::string SlotFile::write(const SlotValue& value) {
  if (!writable_ && !open_to_write()) return failure();
  if (!in_place()) {
    auto fault = make_anew();
    if (!fault.empty()) return fault;
  }
  const auto bytes = encode_slot(value, sequence_ + 1, state_id_, service_);
  const auto wrote =
      ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(next_ * slot_size));
  if (wrote != static_cast<ssize_t>(bytes.size())) {
    if (wrote >= 0) errno = ENOSPC;
    return failure();
  }
  if (sync_ && sync_(fd_.get()) != 0) return failure();
  newest_ = value;
  ++sequence_;
  next_ = 1 - next_;
  return {};
}

std::string SlotFile::failure() const {
  return path_ + ": " + std::strerror(errno);
}

}  // namespace switchback::state
