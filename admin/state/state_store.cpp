#include "admin/state/state_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "admin/state/intent_file.hpp"
#include "admin/state/slot_file.hpp"
#include "admin/state/state_lane.hpp"

namespace switchback::state {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const char* key, const std::string& path, const std::string& why,
                         const std::string& mend) {
  throw StateError(std::string(key) + ": " + path + ": " + why + " (" + mend + ")");
}

std::string mend_for(const char* key) {
  return std::string("make it writable for the user that runs switchback, or set ") + key +
         " to a folder that is";
}

// The mode is of the folder itself; parents that are missing get 0755, as mkdir -p would.
void make_folder(const char* key, const std::string& path, mode_t mode) {
  const fs::path folder(path);
  std::error_code ec;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), ec);
  if (ec) refuse(key, path, "cannot be made: " + ec.message(), mend_for(key));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    refuse(key, path, std::string("cannot be made: ") + std::strerror(errno), mend_for(key));
  if (!fs::is_directory(folder, ec))
    refuse(key, path, "is not a folder", std::string("set ") + key + " to a folder");
}

UniqueFd take_lock(const std::string& state_dir) {
  const std::string path = state_dir + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  // A folder that was written once and may only be read now: it still says which color is meant.
  if (fd.get() < 0 && (errno == EROFS || errno == EACCES))
    fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0)
    refuse("state_dir", state_dir, std::string("cannot be written: ") + std::strerror(errno),
           mend_for("state_dir"));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const auto got = ::pread(fd.get(), pid, sizeof pid - 1, 0);
    const std::string who = got > 0 ? " (pid " + std::string(pid) + ")" : std::string();
    refuse("state_dir", state_dir, "is in use by another switchback" + who,
           "stop it first, or give each its own state_dir");
  }
  const std::string pid = std::to_string(::getpid());
  // The pid only serves the message above; failing to write it changes nothing.
  if (::ftruncate(fd.get(), 0) == 0) {
    [[maybe_unused]] const auto wrote = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
  }
  return fd;
}

std::string random_id() {
  std::uint8_t bytes[state_id_size / 2];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes))
    throw StateError("state_dir: the kernel gives no random bytes");
  static const char digits[] = "0123456789abcdef";
  std::string id;
  for (auto byte : bytes) {
    id += digits[byte >> 4];
    id += digits[byte & 15];
  }
  return id;
}

// Written to the side, synced and renamed, so that a half-written id is never read.
std::string write_id(const std::string& state_dir, const std::string& path, const std::string& id) {
  const std::string side = path + ".new";
  const UniqueFd fd(::open(side.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  const std::string line = id + "\n";
  if (fd.get() < 0 ||
      ::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(fd.get()) != 0 || ::rename(side.c_str(), path.c_str()) != 0)
    refuse("state_dir", path, std::string("cannot be written: ") + std::strerror(errno),
           mend_for("state_dir"));
  sync_folder(state_dir);
  return id;
}

// `known`: the id to write where there is none; empty: a new one.
std::string read_or_make_id(const std::string& state_dir, const std::string& known = {}) {
  const std::string path = state_dir + "/id";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT) return write_id(state_dir, path, known.empty() ? random_id() : known);
    refuse("state_dir", path, std::string("cannot be read: ") + std::strerror(errno),
           mend_for("state_dir"));
  }
  char text[state_id_size + 2] = {};
  const auto got = ::read(fd.get(), text, sizeof text - 1);
  std::string id(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  if (!id.empty() && id.back() == '\n') id.pop_back();
  const bool valid =
      id.size() == state_id_size && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  // A new id would make every slot foreign and the color fall back to `initial`: ask instead.
  if (!valid)
    refuse("state_dir", path, "is damaged",
           "write the 32 hex digits at offset 32 of any file in slots/ into it, or move the folder "
           "away to begin with `initial`");
  return id;
}

}  // namespace

struct StateStore::Impl {
  struct Service {
    std::unique_ptr<SlotFile> run, state;
    std::unique_ptr<SlotFile> scratch;  // null: could not be made
    std::unique_ptr<IntentFile> intent;
    std::optional<SlotValue> last;
    bool opened_behind = false;
  };

  std::string state_dir, state_slots, run_slots, id;
  UniqueFd lock;
  StateHooks hooks;
  std::map<std::string, Service> services;
  std::mutex restoring;                // of `lock` and `state_files`, once the lanes run
  std::vector<SlotFile*> state_files;  // of all services
  std::optional<StateLane> lane,
      scratch_lane;  // after `services`: they end first, using their files

  Service& open_service(const std::string& name);
  std::string restore_state_dir();
};

// Somebody has removed the state folder under the running process. It is made anew with the same id
// and lock, and every service's slot again, not only the one that is being written: a restart is to
// find what memory knows. On either lane.
std::string StateStore::Impl::restore_state_dir() {
  const std::lock_guard guard(restoring);
  try {
    make_folder("state_dir", state_dir, 0750);
    struct stat held = {}, there = {};
    const bool locked = ::fstat(lock.get(), &held) == 0 &&
                        ::stat((state_dir + "/lock").c_str(), &there) == 0 &&
                        held.st_dev == there.st_dev && held.st_ino == there.st_ino;
    if (!locked) lock = take_lock(state_dir);
    if (read_or_make_id(state_dir, id) != id)
      return "state_dir: " + state_dir + ": is another life's by now (its id changed while in use)";
    make_folder("state_dir", state_slots, 0750);
    sync_folder(state_dir);
  } catch (const StateError& error) {
    return error.what();
  }
  SlotValue nothing_new;
  nothing_new.epoch = mend_only;
  for (SlotFile* file : state_files) lane->write(*file, nothing_new, {});
  return {};
}

StateStore::Impl::Service& StateStore::Impl::open_service(const std::string& name) {
  const auto known = services.find(name);
  if (known != services.end()) return known->second;
  Service service;
  const char* key = "state_dir";
  try {
    service.state = std::make_unique<SlotFile>(state_slots + "/" + name + ".slot", id, name,
                                               hooks.sync, [this] { return restore_state_dir(); });
    sync_folder(state_slots);
    key = "run_dir";
    service.run = std::make_unique<SlotFile>(run_slots + "/" + name + ".slot", id, name, nullptr,
                                             [folder = run_slots]() -> std::string {
                                               try {
                                                 make_folder("run_dir", folder, 0750);
                                                 return {};
                                               } catch (const StateError& error) {
                                                 return error.what();
                                               }
                                             });
    service.intent = std::make_unique<IntentFile>(run_slots + "/" + name + ".intent");
  } catch (const StateError& error) {
    throw StateError(std::string(key) + ": " + error.what() + " (" + mend_for(key) + ")");
  }
  try {
    service.scratch =
        std::make_unique<SlotFile>(state_slots + "/" + name + ".scratch", id, name, hooks.sync,
                                   [this] { return restore_state_dir(); });
  } catch (const StateError&) {
    // Null flips say so; nothing else needs it.
  }
  const auto& durable = service.state->newest();
  const auto& quick = service.run->newest();
  const bool quicker = quick && (!durable || quick->epoch > durable->epoch);
  service.last = quicker ? quick : durable;
  service.opened_behind = quicker || !service.state->writable();
  {
    const std::lock_guard guard(restoring);
    state_files.push_back(service.state.get());
  }
  return services.emplace(name, std::move(service)).first->second;
}

std::unique_ptr<StateStore> StateStore::open(const std::string& state_dir,
                                             const std::string& run_dir, StateHooks hooks) {
  auto impl = std::make_unique<Impl>();
  const std::string run = run_dir.empty() ? state_dir + "/run" : run_dir;
  make_folder("state_dir", state_dir, 0750);
  impl->state_dir = state_dir;
  impl->lock = take_lock(state_dir);
  impl->id = read_or_make_id(state_dir);
  impl->state_slots = state_dir + "/slots";
  make_folder("state_dir", impl->state_slots, 0750);
  make_folder("run_dir", run, 0755);
  impl->run_slots = run + "/slots-" + impl->id.substr(0, 8);
  make_folder("run_dir", impl->run_slots, 0750);
  if (::access(impl->run_slots.c_str(), W_OK | X_OK) != 0)
    refuse("run_dir", run, std::string("cannot be written: ") + std::strerror(errno),
           mend_for("run_dir"));
  impl->hooks = std::move(hooks);
  if (!impl->hooks.sync) impl->hooks.sync = [](int fd) { return ::fdatasync(fd); };
  impl->lane.emplace();
  impl->scratch_lane.emplace();
  return std::unique_ptr<StateStore>(new StateStore(std::move(impl)));
}

StateStore::StateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StateStore::~StateStore() = default;

std::vector<worker::ServiceSeed> StateStore::seeds(const config::Config& config) {
  std::vector<worker::ServiceSeed> seeds;
  for (const auto& service : config.services) {
    const auto& last = impl_->open_service(service.name).last;
    const auto initial =
        service.initial == config::InitialColor::green ? Color::green : Color::blue;
    seeds.push_back({service.name, last ? last->active : initial, last ? last->epoch : 1});
  }
  return seeds;
}

std::optional<SlotValue> StateStore::last(const std::string& service) const {
  const auto found = impl_->services.find(service);
  return found == impl_->services.end() ? std::nullopt : found->second.last;
}

bool StateStore::opened_behind(const std::string& service) const {
  const auto found = impl_->services.find(service);
  return found != impl_->services.end() && found->second.opened_behind;
}

std::string StateStore::write_run(const std::string& service, const SlotValue& value) {
  const auto found = impl_->services.find(service);
  if (found == impl_->services.end()) return "run_dir: no slot file for service " + service;
  found->second.last = value;
  return found->second.run->write(value);
}

void StateStore::write_state(const std::string& service, const SlotValue& value, OnWritten done) {
  const auto found = impl_->services.find(service);
  if (found == impl_->services.end()) {
    if (done) done("state_dir: no slot file for service " + service);
    return;
  }
  if (!found->second.last || value.epoch > found->second.last->epoch) found->second.last = value;
  impl_->lane->write(*found->second.state, value, std::move(done));
}

std::string StateStore::write_intent(const std::string& service, const std::string& text) {
  const auto found = impl_->services.find(service);
  return found == impl_->services.end() ? "run_dir: no intent file for service " + service
                                        : found->second.intent->write(text);
}

void StateStore::end_intent(const std::string& service, bool moved) {
  const auto found = impl_->services.find(service);
  if (found != impl_->services.end()) found->second.intent->end(moved);
}

std::string StateStore::intent(const std::string& service) const {
  const auto found = impl_->services.find(service);
  return found == impl_->services.end() ? std::string() : found->second.intent->found();
}

void StateStore::write_scratch(const std::string& service, const SlotValue& value, OnWritten done) {
  const auto found = impl_->services.find(service);
  if (found == impl_->services.end() || !found->second.scratch)
    return done("state_dir: no scratch slot for service " + service);
  impl_->scratch_lane->write(*found->second.scratch, value, std::move(done));
}

const std::string& StateStore::id() const {
  return impl_->id;
}

}  // namespace switchback::state
