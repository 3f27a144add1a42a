// One line of text that a kill -9 leaves behind: what was about to be done. In run_dir (a memory
// file system), never synced: a loss of power takes it along with the run slot that it speaks of.
//
// Layout: mark u8 ('?' under way, '!' answered, 0 none) | u8 zero [3] | length u32 | CRC32C u32 of
// the text | text. Written with one pwrite; a torn one does not match its CRC and counts as none.
// Threads: the control thread. Errors: text; nothing depends on this file.
#pragma once

#include <string>

#include "admin/state/slot_file.hpp"

namespace switchback::state {

class IntentFile {
 public:
  static constexpr std::size_t most_bytes = 4096 - 12;
  explicit IntentFile(std::string path);               // throws StateError, as SlotFile does
  const std::string& found() const { return found_; }  // at the start: mark and text, or ""
  std::string write(const std::string& text);          // "" or what failed
  void end(bool answered);

 private:
  void read();
  const std::string path_;
  UniqueFd fd_;
  std::string found_;
};

}  // namespace switchback::state
