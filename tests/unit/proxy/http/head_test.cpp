#include "proxy/http/head.hpp"

#include <cctype>
#include <cstring>
#include <memory>
#include <string>

#include "proxy/http/chars.hpp"
#include "proxy/http/field_names.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using http::FieldId;

namespace {

// From a buffer of exactly the name's size, so that a sanitizer sees a byte read too far.
FieldId id_of(const std::string& name) {
  const std::unique_ptr<char[]> copy(new char[name.size()]);
  std::memcpy(copy.get(), name.data(), name.size());
  return http::field_id(copy.get(), name.size());
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

http::Field field(std::string_view name, std::string_view value) {
  return {name.data(),
          value.data(),
          static_cast<std::uint32_t>(value.size()),
          static_cast<std::uint16_t>(name.size()),
          http::field_id(name.data(), name.size()),
          false};
}

}  // namespace

TEST_CASE("every known name has its id, in any case") {
  std::uint64_t met = http::bit_of(FieldId::te) | http::bit_of(FieldId::via);
  for (const auto& named : http::names::known) {
    const std::string name(named.name);
    INFO(name);
    CHECK(id_of(name) == named.id);
    CHECK(id_of(upper(name)) == named.id);
    met |= http::bit_of(named.id);
  }
  CHECK(id_of("te") == FieldId::te);
  CHECK(id_of("TE") == FieldId::te);
  CHECK(id_of("Via") == FieldId::via);
  CHECK(met == (std::uint64_t{1} << http::field_id_count) - 1);  // none of the enum was forgotten
}

TEST_CASE("a name that differs in one byte is another name") {
  for (const auto& named : http::names::known) {
    if (named.id == FieldId::other) continue;
    for (std::size_t at = 0; at < named.name.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string name(named.name);
        if (http::to_lower(static_cast<char>(byte)) == name[at]) continue;
        name[at] = static_cast<char>(byte);
        if (id_of(name) != FieldId::other) FAIL(named.name << " for byte " << byte << " at " << at);
      }
    }
    CHECK(id_of(std::string(named.name) + "x") == FieldId::other);
    CHECK(id_of(std::string(named.name.substr(1))) == FieldId::other);
  }
  CHECK(id_of("") == FieldId::other);
  CHECK(id_of("t") == FieldId::other);
  CHECK(id_of(std::string(5000, 'a')) == FieldId::other);
}

TEST_CASE("methods are told apart by their exact text") {
  CHECK(http::method_of("GET") == http::Method::get);
  CHECK(http::method_of("HEAD") == http::Method::head);
  CHECK(http::method_of("POST") == http::Method::post);
  CHECK(http::method_of("PUT") == http::Method::put);
  CHECK(http::method_of("DELETE") == http::Method::delete_);
  CHECK(http::method_of("CONNECT") == http::Method::connect);
  CHECK(http::method_of("OPTIONS") == http::Method::options);
  CHECK(http::method_of("TRACE") == http::Method::trace);
  CHECK(http::method_of("PATCH") == http::Method::patch);
  for (const char* other : {"get", "Get", "GE", "GETT", "", "PROPFIND", "PURGE"})
    CHECK(http::method_of(other) == http::Method::other);
}

TEST_CASE("a head finds the first field with an id, recorded or not") {
  http::Field fields[] = {field("Accept", "1"), field("Cookie", "2"), field("cookie", "3")};
  http::RequestHead head;
  head.fields = fields;
  REQUIRE(head.find(FieldId::cookie) == &fields[1]);
  CHECK(head.find(FieldId::host) == nullptr);
  CHECK(head.find("accept") == &fields[0]);
  CHECK(head.find("accep") == nullptr);
  head.present = http::bit_of(FieldId::cookie) | http::bit_of(FieldId::other);
  CHECK(head.find(FieldId::cookie) == &fields[1]);
  CHECK(head.find(FieldId::host) == nullptr);
}

TEST_CASE("comparison without case folds letters only") {
  CHECK(http::iequals("AbC-1", "aBc-1"));
  CHECK_FALSE(http::iequals("a", "ab"));
  CHECK_FALSE(http::iequals("[", "{"));
  CHECK_FALSE(http::iequals("\r", "-"));
}

TEST_CASE("lists are taken apart at their commas") {
  std::string_view list = " a ,,b\t,c d,";
  CHECK(http::next_element(list) == "a");
  CHECK(http::next_element(list).empty());
  CHECK(http::next_element(list) == "b");
  CHECK(http::next_element(list) == "c d");
  CHECK(list.empty());
}
