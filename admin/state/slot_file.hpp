// One service's slot file: two slots, written alternately in place.
//
// A write goes to the slot that does not hold the newest valid value, so a torn write costs only
// itself; after a failed write the next one goes to the same slot again. The file gets its full
// size when it is made, so that a full disk cannot refuse a later write in place. A file that was
// removed or moved away while it is open is found out by the next write, and made anew: what is
// written to no place is on no disk.
// Threads: one at a time (opened on the control thread, the state file then belongs to the lane).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "admin/state/slot.hpp"

namespace switchback::state {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& from) noexcept : fd_(from.release()) {}
  UniqueFd& operator=(UniqueFd&& from) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

void sync_folder(const std::string& path);

class SlotFile {
 public:
  // `sync`: called after every write (fdatasync on the state file, nothing on the run file).
  using Sync = std::function<int(int fd)>;
  // Makes the file where it is missing. Throws StateError with "PATH: what failed"; but a place
  // that may only be read (a disk that the kernel made read-only) is read, and every write tries
  // again to open it for writing.
  // `restore`: called before a file that has gone is made anew; makes its folder. "" or what
  // failed.
  using Restore = std::function<std::string()>;
  SlotFile(std::string path, std::string state_id, std::string service, Sync sync,
           Restore restore = {});

  const std::optional<SlotValue>& newest() const { return newest_; }
  bool writable() const { return writable_; }
  std::string write(const SlotValue& value);  // "" or "PATH: what failed"
  std::string mend();  // writes the newest value again where the file has gone

 private:
  bool open_to_write();  // false: errno says why
  bool in_place() const;
  std::string make_anew();
  void read();
  std::string failure() const;
  const std::string path_, state_id_, service_;
  const Sync sync_;
  const Restore restore_;
  UniqueFd fd_;
  std::optional<SlotValue> newest_;
  std::uint64_t sequence_ = 0;
  bool writable_ = true;
  unsigned next_ = 0;  // the slot that the next write goes to
};

}  // namespace switchback::state
