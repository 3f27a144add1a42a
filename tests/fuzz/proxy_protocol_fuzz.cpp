// PROXY headers: however cut, the same verdict; what is taken names its client and its own bytes.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "proxy/proxy_protocol/decode.hpp"

using namespace switchback::proxy_protocol;

namespace {

void promise(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

bool same(const Header& a, const Header& b) {
  return a.version == b.version && a.local == b.local && a.tls == b.tls &&
         std::memcmp(&a.source, &b.source, sizeof a.source) == 0 &&
         std::memcmp(&a.destination, &b.destination, sizeof a.destination) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy of its own size, so that reading behind it is seen.
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Header whole;
  const Decoded all = decode(text.data(), text.size(), whole);
  const std::size_t step = text.size() > 4096 ? text.size() / 3 + 1 : (data[0] & 15) + 1;
  for (std::size_t cut = 0; cut < text.size(); cut += step) {
    const std::string part = text.substr(0, cut);
    Header header;
    const Decoded got = decode(part.data(), part.size(), header);
    if (got.status == Status::need_more) continue;
    promise(got.status == all.status && got.consumed == all.consumed && got.fault == all.fault,
            "a verdict once given stands");
    if (got.status == Status::complete) promise(same(header, whole), "the same client");
  }
  promise((all.status == Status::rejected) == (all.fault != Fault::none), "a refusal has a fault");
  if (all.status == Status::need_more) promise(text.size() < max_header_bytes, "no endless wait");
  if (all.status != Status::complete) return 0;
  promise(all.consumed <= text.size() && all.consumed <= max_header_bytes, "its own bytes only");
  promise(whole.version == 1 || whole.version == 2, "a version");
  promise(whole.local == (whole.source.ss_family == 0), "a client, or none");
  promise(whole.source.ss_family == whole.destination.ss_family, "one family");
  return 0;
}
