// A TestServer as a process of its own, to be killed: storm_backend NAME PORT (0: any free one).
// Prints "port N" when it listens; ends with the test.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "tests/support/test_server.hpp"

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 3) return 2;
  switchback::test::TestServer server(switchback::test::TestServerOptions{
      .name = argv[1], .port = static_cast<std::uint16_t>(std::stoi(argv[2]))});
  std::cout << "port " << server.port() << std::endl;
  for (;;) ::pause();
}
