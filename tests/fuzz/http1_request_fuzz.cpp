// Requests: however cut, the same; and what is sent on is read by the same decoder in the same way.
#include "tests/fuzz/http1_support.hpp"

using namespace switchback;

namespace {

void check_forwarded(const conformance::Outcome& in) {
  fuzz::promise_clean(in.forwarded);
  const conformance::Outcome out = conformance::drive_request({in.forwarded}, true);
  if (fuzz::is_too_large(out)) return;
  // A 1.0 request without Host is sent on with an empty one, for the exchange to fill.
  const bool no_host = in.first.back() == ' ';
  if (no_host) return;
  fuzz::promise(!out.framing.empty(), "what is sent on can be read",
                out.verdict + "\n" + in.forwarded);
  fuzz::promise(out.framing == in.framing, "framing is kept", in.framing + " / " + out.framing);
  fuzz::promise(out.first == in.first, "the request is kept", in.first + " / " + out.first);
  const auto flag = [](const std::string& flags, const char* name) {
    return flags.find(name) != std::string::npos;
  };
  for (const char* name : {"expect_continue=yes", "upgrade=yes", "te_trailers=yes"})
    fuzz::promise(flag(in.flags, name) == flag(out.flags, name), name, in.flags + "/ " + out.flags);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool trusted = (data[0] & 0x80) != 0;
  const conformance::Outcome whole = conformance::drive_request({text}, trusted);
  fuzz::promise_same(whole, conformance::drive_request(fuzz::cut(text, data[0]), trusted));
  if (!whole.forwarded.empty()) check_forwarded(whole);
  return 0;
}
