#include "admin/cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "tests/support/catch.hpp"

using namespace switchback::cli;

namespace {

// As the program's own tree is shaped.
std::unique_ptr<CLI::App> commands() {
  auto app = std::make_unique<CLI::App>("switchback");
  app->require_subcommand(1);
  app->fallthrough();
  app->add_option("--admin");
  app->add_flag("--json");
  for (const char* name : {"rollback", "flip", "status", "readiness"}) {
    app->add_subcommand(name)->add_option("SERVICE,--service");
  }
  auto* token = app->add_subcommand("token");
  token->require_subcommand(1);
  token->add_subcommand("new")->add_option("NAME");
  token->add_subcommand("list");
  auto* bake = app->add_subcommand("bake");  // bake SERVICE, bake audit
  bake->add_option("SERVICE");
  bake->add_subcommand("audit");
  return app;
}

std::string judged(const Arguments& arguments) {
  return unknown_command(*commands(), arguments);
}

}  // namespace

TEST_CASE("a command that does not exist is named, with the one that was meant") {
  CHECK(judged({"rolback"}) == "no command 'rolback'; did you mean rollback?");
  CHECK(judged({"Rollback", "shop"}) == "no command 'Rollback'; did you mean rollback?");
  CHECK(judged({"--json", "stauts"}) == "no command 'stauts'; did you mean status?");
  CHECK(judged({"--admin", "/run/x.sock", "flpi", "shop"}) ==
        "no command 'flpi'; did you mean flip?");
  CHECK(judged({"--admin=/run/x.sock", "flpi"}) == "no command 'flpi'; did you mean flip?");
  CHECK(judged({"deploy"}) == "no command 'deploy'; switchback --help lists them all");
  CHECK(judged({"token", "lsit"}) == "no command 'token lsit'; did you mean token list?");
  CHECK(judged({"token", "zzz"}) == "no command 'token zzz'; token knows new or list");
}

TEST_CASE("words that are no commands are left to the parser") {
  CHECK(judged({}).empty());
  CHECK(judged({"--help"}).empty());
  CHECK(judged({"rollback", "sohp"}).empty());
  CHECK(judged({"rollback", "--json", "shop"}).empty());
  CHECK(judged({"bake", "shop"}).empty());
  CHECK(judged({"token", "new", "ci"}).empty());
  CHECK(judged({"token"}).empty());
}

TEST_CASE("help COMMAND is COMMAND --help") {
  CHECK(with_help_first({"help"}) == Arguments{"--help"});
  CHECK(with_help_first({"help", "flip"}) == Arguments{"flip", "--help"});
  CHECK(with_help_first({"help", "token", "new"}) == Arguments{"token", "new", "--help"});
  CHECK(with_help_first({"flip", "help"}) == Arguments{"flip", "help"});
}
