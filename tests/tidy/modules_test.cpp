// The dependency rules, tried on a small house of its own.
#include "tests/tidy/modules.hpp"

#include "tests/support/catch.hpp"

namespace switchback::tidy {
namespace {

const char* const house = R"(
# sb_module(comment DEPENDS nothing)
function(sb_module folder)
sb_module(config LIBS yaml-cpp::yaml-cpp)
sb_module(proxy/base)
sb_module(proxy/http DEPENDS proxy/base LIBS z)   # proxy/lost
sb_module(proxy/http1 DEPENDS
          proxy/http)
sb_module(admin/api DEPENDS proxy/http1 config)
)";

std::size_t faults(const char* path, const std::string& text) {
  return includes_wrongly(make_file(path, text), Modules(house)).size();
}

TEST_CASE("modules and what they depend on are read from CMakeLists.txt") {
  const Modules modules(house);
  CHECK(modules.folders() ==
        std::vector<std::string>{"admin/api", "config", "proxy/base", "proxy/http", "proxy/http1"});
  CHECK(modules.may_include("proxy/http", "proxy/http"));
  CHECK(modules.may_include("proxy/http1", "proxy/base"));
  CHECK_FALSE(modules.may_include("proxy/base", "proxy/http"));
  CHECK_FALSE(modules.may_include("proxy/http", "z"));
  CHECK(modules.dangling().empty());
  CHECK(modules.cycle().empty());
}

TEST_CASE("dangling names and cycles are found") {
  CHECK(Modules("sb_module(a DEPENDS b)").dangling() == std::vector<std::string>{"a DEPENDS b"});
  CHECK(Modules("sb_module(a DEPENDS b)\nsb_module(b DEPENDS c)\nsb_module(c DEPENDS a)").cycle() ==
        "a");
}

TEST_CASE("an include must follow a dependency") {
  CHECK(faults("proxy/http1/a.cpp", "#include \"proxy/http/b.hpp\"\n") == 0);
  CHECK(faults("proxy/http1/a.cpp", "#include \"proxy/base/b.hpp\"\n") == 0);
  CHECK(faults("proxy/http/a.cpp", "#include \"proxy/http1/b.hpp\"\n") == 1);
  CHECK(faults("proxy/http/a.cpp", "#include <proxy/base/b.hpp>\n") == 1);
  CHECK(faults("proxy/http/a.cpp", "#include \"tests/support/b.hpp\"\n") == 1);
  CHECK(faults("admin/api/a.cpp", "#include \"config/yaml_loader.hpp\"\n") == 0);
}

TEST_CASE("the data plane knows the configuration as plain data, and no helper's library") {
  CHECK(faults("proxy/base/a.hpp", "#include \"config/model.hpp\"\n#include <vector>\n") == 0);
  CHECK(faults("proxy/base/a.hpp", "#include \"config/yaml_loader.hpp\"\n") == 1);
  CHECK(faults("proxy/base/a.hpp", "#include \"admin/api/b.hpp\"\n") == 1);
  CHECK(faults("proxy/base/a.hpp", "#include <yaml-cpp/yaml.h>\n") == 1);
  CHECK(faults("proxy/base/a.hpp", "#include <sqlite3.h>\n") == 1);
  CHECK(faults("proxy/base/a.hpp", "#include <libpq-fe.h>\n") == 1);
  CHECK(faults("admin/api/a.cpp", "#include <sqlite3.h>\n") == 0);
}

TEST_CASE("the configuration includes nothing of ours") {
  CHECK(faults("config/a.cpp", "#include \"config/model.hpp\"\n") == 0);
  CHECK(faults("config/a.cpp", "#include \"proxy/base/color.hpp\"\n") == 1);
}

}  // namespace
}  // namespace switchback::tidy
