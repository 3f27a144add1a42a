// switchback as it is, but for one thing: it kills itself, or lets its disk stall, where the
// environment says so. The hooks exist in the program too; nothing there sets them.
//
//   CRASH_AT=POINT      SIGKILL at that point of a switch (ControllerOptions::on_point)
//   CRASH_WHEN=FILE     … only while that file exists
//   STALL_WHILE=FILE    fdatasync of the slots waits while that file exists, 20 s at most
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "admin/cli/globals.hpp"
#include "admin/cli/server_process.hpp"
#include "tests/support/until.hpp"

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string at = variable("CRASH_AT"), when = variable("CRASH_WHEN");
  const std::string stall = variable("STALL_WHILE");
  switchback::cli::ProcessHooks hooks;
  hooks.on_point = [at, when](std::string_view point) {
    if (!at.empty() && point == at && (when.empty() || exists(when))) ::kill(::getpid(), SIGKILL);
  };
  hooks.state.sync = [stall](int fd) {
    switchback::test::until([&] { return stall.empty() || !exists(stall); });
    return ::fdatasync(fd);
  };
  switchback::cli::set_process_hooks(std::move(hooks));
  return switchback::cli::run(argc, argv);
}
