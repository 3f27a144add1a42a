// A pool in panic, and PID 1 of a container, seen from outside.
#include <dirent.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

struct Shop {
  TestServer blue{"blue"};
  TestServer green{"green"};
  Instance instance;
  Shop() : instance({.blue = {blue.address()}, .green = {green.address()}}) {
    instance.wait_until_checked();
  }
  bool alarm() const {
    return instance.cli({"status", "--json"}).out.find("\"pool_panic\"") != std::string::npos;
  }
};

// The children of a process, the dead ones that nobody asked for included.
std::string children_of(const std::string& pid) {
  std::string out;
  const std::string folder = "/proc/" + pid + "/task";
  DIR* tasks = ::opendir(folder.c_str());
  if (tasks == nullptr) return out;
  while (const dirent* task = ::readdir(tasks)) {
    std::ifstream file(folder + "/" + task->d_name + "/children");
    std::stringstream text;
    text << file.rdbuf();
    out += text.str();
  }
  ::closedir(tasks);
  return out;
}

}  // namespace

TEST_CASE("panic is said everywhere, ends by itself, and is no side to promote to") {
  Shop shop;
  shop.green.set_healthy(false);
  REQUIRE(until([&] {
    return shop.instance.cli({"status", "shop", "--json"}).out.find("\"failing\"") !=
           std::string::npos;
  }));
  CHECK_FALSE(shop.alarm());  // a standby is nobody's trouble
  const auto refused = shop.instance.cli({"flip", "shop", "--to", "green"});
  CHECK(refused.code != 0);
  CHECK_THAT(refused.err + refused.out, ContainsSubstring("no server of green is healthy"));
  CHECK(shop.instance.who_answers() == "blue");

  shop.blue.set_healthy(false);
  REQUIRE(until([&] { return shop.alarm(); }));
  CHECK(shop.instance.who_answers() == "blue");
  CHECK_THAT(shop.instance.cli({"status", "shop"}).out, ContainsSubstring("PANIC"));

  shop.blue.set_healthy(true);
  CHECK(until([&] { return !shop.alarm(); }));
  CHECK(shop.instance.who_answers() == "blue");
}

TEST_CASE("as PID 1 it reaps what its programs leave behind") {
  if (run({"/usr/bin/unshare", "-pf", "/bin/true"}, {}).code != 0) {
    WARN("not run: this user may not make a PID namespace");
    return;
  }
  const TempDir folder;
  // Its group is ended with it: the one that is left behind has to have a session of its own by
  // then.
  const std::string left = folder.file("orphans");
  const auto script =
      folder.write("told.sh", "#!/bin/sh\nsetsid /bin/sh -c 'echo >> " + left + "' &\nuntil [ -e " +
                                  left + " ]; do :; done\nexit 0\n");
  REQUIRE(::chmod(script.c_str(), 0755) == 0);
  TestServer blue("blue"), green("green");
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  options.wrapper = {"/usr/bin/unshare", "-pf", "--kill-child"};
  options.more = "notify: [{name: told, exec: [\"" + script + "\"], on: [flip]}]\n";
  Instance instance(options);
  instance.wait_until_checked();
  REQUIRE(instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  REQUIRE(until([&] {
    return std::ifstream(folder.file("orphans")).good() &&
           instance.cli({"notify", "list"}).out.find("sent 1") != std::string::npos;
  }));
  const std::string inside = children_of(std::to_string(instance.process->pid()));
  REQUIRE(!inside.empty());
  CHECK(until([&] { return children_of(inside.substr(0, inside.find(' '))).empty(); }));
}
