// What must survive: the active color and epoch of every service, in two places.
//
// run_dir (tmpfs) survives kill -9 without a disk: written with a plain pwrite, at once. state_dir
// survives loss of power: pwrite + fdatasync on a lane of its own, so that a stalled disk stalls
// nobody. A start takes the highest valid epoch over both slots of both files. Slots carry the id
// of the state folder (state_dir/id), so that a run slot of another life is ignored.
//
// Files: state_dir/id, state_dir/lock (held while open), state_dir/slots/SERVICE.slot and .scratch,
// run_dir/slots-ID8/SERVICE.slot and .intent. Folders made here are 0750, save run_dir itself
// (0755: the admin socket lives there and access rules, not folder modes, decide who may talk to
// it).
//
// Threads: every method on the control thread; OnWritten is called on the lane.
// Errors: open() and seeds() throw StateError with one line that names key, path and mend.
// Everything after that is a value.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "admin/state/slot.hpp"
#include "config/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::state {

struct StateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "" once this value or a newer one of the service is on disk, else what failed.
using OnWritten = std::function<void(const std::string& error)>;

// For tests: what stands in for fdatasync (0, or -1 with errno), called on the lane.
struct StateHooks {
  std::function<int(int fd)> sync;
};

class StateStore {
 public:
  // Makes the folders where they are missing. `run_dir` empty: state_dir/run.
  static std::unique_ptr<StateStore> open(const std::string& state_dir, const std::string& run_dir,
                                          StateHooks hooks = {});
  ~StateStore();  // waits for the write in progress; what is queued after it is not written
  StateStore(const StateStore&) = delete;

  // Opens the slot files of services not seen yet (start, and reload) and says what each starts
  // with: what survived, else its `initial` with epoch 1.
  std::vector<worker::ServiceSeed> seeds(const config::Config& config);

  // The newest value read or written; nullopt: no switch has ever been recorded.
  std::optional<SlotValue> last(const std::string& service) const;

  // Whether, when it was opened, the service's state slot lagged behind its run slot: an answer had
  // said durable:false and the process died. The controller makes it good.
  bool opened_behind(const std::string& service) const;

  // Into the run slot, at once (microseconds). "" or what failed.
  std::string write_run(const std::string& service, const SlotValue& value);
  // Onto the lane. A value not yet begun is replaced by a newer one of the same service, so that
  // the lane never holds more than one write per service; both callbacks then tell of the newer.
  void write_state(const std::string& service, const SlotValue& value, OnWritten done);

  // What the control plane is about to do with a service, as text of at most 4 KiB, beside the run
  // slot: a kill -9 leaves it for the next life. "" or what failed; nothing depends on it.
  std::string write_intent(const std::string& service, const std::string& text);
  // It came to its end: marked as answered, or (not moved) wiped out.
  void end_intent(const std::string& service, bool moved);
  // What an earlier life left when this one opened it; "" for none. Answered ones begin with '!'.
  std::string intent(const std::string& service) const;

  // For null flips: a slot of their own, on a lane of their own, so that a stalled disk under it
  // delays nothing. `done` on that lane.
  void write_scratch(const std::string& service, const SlotValue& value, OnWritten done);

  const std::string& id() const;

 private:
  struct Impl;
  explicit StateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::state
