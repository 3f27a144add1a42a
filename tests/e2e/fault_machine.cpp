#include "tests/e2e/fault_machine.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "tests/integration/instance.hpp"

namespace switchback::test {

namespace {

std::string shim() {
  return (std::filesystem::path(switchback_program()).parent_path() / "tests/libfault_shim.so")
      .string();
}

}  // namespace

FaultMachine::FaultMachine() {
  const std::string page(sizeof(FaultControl), '\0');
  const std::string file = folder_.write("control", page);
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  void* mapped = ::mmap(nullptr, page.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + file);
  control_ = static_cast<FaultControl*>(mapped);
}

FaultMachine::~FaultMachine() {
  release_syncs();
  ::munmap(control_, sizeof(FaultControl));
}

bool FaultMachine::works() {
  static const bool loads = [] {
    FaultMachine machine;
    const Finished said = command({"version"}, machine.environment("/nonexistent"));
    return said.code == 0 && machine.control().loaded == 1;
  }();
  if (!loads && memory_is_measured) FAIL("the faulty library cannot be loaded: " << shim());
  if (!loads) WARN("this sanitizer lets no library come before it: not tried");
  return loads;
}

std::vector<std::string> FaultMachine::environment(const std::string& folder) const {
  const char* options = std::getenv("ASAN_OPTIONS");
  return {"LD_PRELOAD=" + shim(), "FAULT_CONTROL=" + folder_.file("control"),
          "FAULT_FOLDER=" + folder,
          "ASAN_OPTIONS=" + std::string(options ? options : "") + ":verify_asan_link_order=0"};
}

void FaultMachine::stall_syncs() {
  control_->sync_stalls = 1;
}

void FaultMachine::release_syncs() {
  control_->sync_stalls = 0;
  ::syscall(SYS_futex, &control_->sync_stalls, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace switchback::test
