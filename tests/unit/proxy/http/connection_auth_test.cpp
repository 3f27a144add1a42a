#include "proxy/http/connection_auth.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace switchback::http;

TEST_CASE("schemes that a server ties to a connection") {
  for (const char* value :
       {"NTLM", "ntlm", "Negotiate", "NEGOTIATE", "NTLM TlRMTVNTUAABAAAA",
        "Negotiate YIIabc==", "Basic realm=\"a\", NTLM", "Negotiate, NTLM",
        "NTLM, Basic realm=\"x, y\"", "Digest realm=\"a, \\\"b\", nonce=\"c\", Negotiate",
        ", ,NTLM", "\tNegotiate\t", "Bearer,NTLM"}) {
    INFO(value);
    CHECK(names_connection_scheme(value));
  }
}

TEST_CASE("schemes of a request, and names that only look alike") {
  for (const char* value :
       {"", "Basic realm=\"NTLM\"", "Basic realm=\"a, NTLM\"", "Basic realm=\"a\\\", Negotiate\"",
        "Digest realm=x, ntlm=1", "NTLMv2", "XNegotiate", "Bearer NTLM",
        "Basic TlRMTQ==", "Negotiate2 abc", "Digest realm=\"unended, NTLM"}) {
    INFO(value);
    CHECK_FALSE(names_connection_scheme(value));
  }
}

TEST_CASE("every field of a head counts, and only the fields that carry it") {
  Field fields[] = {{"WWW-Authenticate", "Basic", 5, 16, FieldId::www_authenticate, false},
                    {"WWW-Authenticate", "NTLM", 4, 16, FieldId::www_authenticate, false}};
  ResponseHead answer;
  answer.fields = fields;
  CHECK_FALSE(binds_connection(answer));  // not recorded as present
  answer.present = bit_of(FieldId::www_authenticate);
  CHECK(binds_connection(answer));
  RequestHead request;
  request.fields = fields;
  request.present = bit_of(FieldId::www_authenticate);  // means nothing in a request
  CHECK_FALSE(binds_connection(request));
}
