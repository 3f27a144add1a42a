#include "proxy/http/client_naming.hpp"

#include <arpa/inet.h>

#include <set>

#include "proxy/http/forwarded.hpp"
#include "tests/conformance/client_cases.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;

namespace {

// Fields as a decoder leaves them, values trimmed; the texts are the caller's.
std::vector<http::Field> fields_of(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::vector<http::Field> fields;
  for (const auto& [name, value] : lines) {
    const auto from = value.find_first_not_of(" \t");
    const auto to = value.find_last_not_of(" \t");
    const bool blank = from == std::string::npos;
    http::Field field{};
    field.name_data = name.data();
    field.name_size = static_cast<std::uint16_t>(name.size());
    field.value_data = value.data() + (blank ? 0 : from);
    field.value_size = blank ? 0 : static_cast<std::uint32_t>(to - from + 1);
    field.id = http::field_id(name.data(), name.size());
    fields.push_back(field);
  }
  return fields;
}

http::ClientAddress address(const std::string& text) {
  http::ClientAddress out;
  REQUIRE(http::read_client_address(text, out));
  return out;
}

// What an exchange does with a request.
bool find(const conformance::ClientCase& one, std::vector<http::Field>& fields,
          http::ClientAddress& out) {
  http::RequestHead head;
  head.fields = fields;
  const http::ClientAddress peer = address(one.peer);
  const auto& bytes = *reinterpret_cast<const std::uint8_t(*)[16]>(peer.ip.data());
  return http::trusted(one.trust, bytes) &&
         http::find_client(head, http::client_naming_of(one.header), one.trust, bytes, out);
}

}  // namespace

TEST_CASE("who the client is, by every vector") {
  const auto cases = conformance::load_client_cases();
  CHECK(cases.size() >= 80);
  std::set<std::string> names;
  for (const auto& one : cases) {
    INFO(one.name);
    CHECK(names.insert(one.name).second);
    auto fields = fields_of(one.lines);
    http::ClientAddress found;
    const bool named = find(one, fields, found);
    CHECK(named == (one.client != "nobody"));
    if (named && one.client != "nobody") CHECK(found == address(one.client));
  }
}

TEST_CASE("a text that is no client leaves what was there") {
  http::ClientAddress out = address("203.0.113.7:80");
  for (const std::string_view text :
       {std::string_view("203.0.113.8:x"), std::string_view("unknown"), std::string_view(""),
        std::string_view("\"\""), std::string_view("[]"), std::string_view("1.2.3.4\0", 8)}) {
    CHECK_FALSE(http::read_client_address(text, out));
    CHECK(out == address("203.0.113.7:80"));
  }
}

TEST_CASE("the form of a list follows from the field's name") {
  using Form = http::ClientNaming::Form;
  CHECK(http::client_naming_of("x-forwarded-FOR").form == Form::x_forwarded_for);
  CHECK(http::client_naming_of("Forwarded").form == Form::forwarded);
  CHECK(http::client_naming_of("X-Real-IP").form == Form::single);
  CHECK(http::client_naming_of("X-Forwarded-Host").form == Form::single);
  CHECK(http::client_naming_of("CF-Connecting-IP").name == "cf-connecting-ip");
}

TEST_CASE("a stranger's field of one address is dropped in every spelling, lists are not") {
  const std::vector<std::pair<std::string, std::string>> lines = {{"CF-Connecting-IP", "1.2.3.4"},
                                                                  {"cf_connecting_ip", "1.2.3.4"},
                                                                  {"CF-Connecting", "1.2.3.4"},
                                                                  {"X-Forwarded-For", "1.2.3.4"}};
  auto fields = fields_of(lines);
  http::RequestHead head;
  head.fields = fields;
  http::drop_client_field(head, http::client_naming_of("X-Forwarded-For"));
  for (const auto& field : fields) CHECK_FALSE(field.drop);
  http::drop_client_field(head, http::client_naming_of("CF-Connecting-IP"));
  CHECK(fields[0].drop);
  CHECK(fields[1].drop);
  CHECK_FALSE(fields[2].drop);
  CHECK_FALSE(fields[3].drop);
}
