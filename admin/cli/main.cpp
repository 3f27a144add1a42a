#include "admin/cli/globals.hpp"

int main(int argc, char** argv) {
  return switchback::cli::run(argc, argv);
}
