// Chunked bodies: however cut, the same; and framed anew they are the same body again.
#include "proxy/http1/encoder.hpp"
#include "tests/fuzz/http1_support.hpp"

using namespace switchback;

namespace {

std::string framed(const conformance::Outcome& in) {
  char line[18];
  std::string out;
  if (!in.body.empty()) {
    out.assign(line, http1::write_chunk_size(line, in.body.size()));
    out += in.body + "\r\n";
  }
  return out + "0\r\n" + in.trailers + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool forgiven = (data[0] & 0x80) != 0;  // a server with `answers: lenient`
  const conformance::Outcome whole = conformance::drive_chunked({text}, forgiven);
  fuzz::promise_same(whole, conformance::drive_chunked(fuzz::cut(text, data[0]), forgiven));
  if (whole.verdict != "ok") return 0;
  const conformance::Outcome again = conformance::drive_chunked({framed(whole)}, forgiven);
  fuzz::promise(again.lapses.empty() || again.lapses == "control_byte ",
                "what is framed anew needs no forgiving", again.lapses);
  fuzz::promise(again.verdict == "ok" && again.left.empty(), "framed anew it can be read",
                again.verdict);
  fuzz::promise(again.body == whole.body, "the body is kept");
  fuzz::promise(again.trailers == whole.trailers, "the trailers are kept");
  return 0;
}
