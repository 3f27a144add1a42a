// Responses: however cut, the same; and what is sent on is read by the same decoder in the same
// way.
#include "proxy/http/head.hpp"
#include "tests/fuzz/http1_support.hpp"

using namespace switchback;

namespace {

void check_forwarded(const conformance::Outcome& in, http::Method asked_with) {
  fuzz::promise_clean(in.forwarded, in.lapses.find("control_byte") != std::string::npos);
  const conformance::Outcome out = conformance::drive_response({in.forwarded}, asked_with, false);
  if (fuzz::is_too_large(out)) return;
  // What was set right needs no forgiving again, but for what is kept as it came.
  fuzz::promise(out.lapses.empty() || out.lapses == "control_byte " ||
                    out.lapses == "status_line " || out.lapses == "status_line control_byte ",
                "what is sent on is by the rules", out.lapses);
  fuzz::promise(!out.framing.empty(), "what is sent on can be read",
                out.verdict + "\n" + in.forwarded);
  fuzz::promise(out.framing == in.framing, "framing is kept", in.framing + " / " + out.framing);
  fuzz::promise(out.first.substr(0, 3) == in.first.substr(0, 3), "the status is kept", out.first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const http::Method asked_with = (data[0] & 0x40) != 0 ? http::Method::head : http::Method::get;
  const bool closes = (data[0] & 0x20) != 0;
  const bool strict = (data[0] & 0x80) != 0;
  const conformance::Outcome whole =
      conformance::drive_response({text}, asked_with, closes, strict);
  fuzz::promise_same(
      whole, conformance::drive_response(fuzz::cut(text, data[0]), asked_with, closes, strict));
  if (strict) fuzz::promise(whole.lapses.empty(), "strict forgives nothing", whole.lapses);
  if (!whole.forwarded.empty()) check_forwarded(whole, asked_with);
  return 0;
}
