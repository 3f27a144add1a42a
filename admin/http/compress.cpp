#include "admin/http/compress.hpp"

#include <zlib.h>

#include <algorithm>

namespace switchback::web {
namespace {

// Text of metrics and JSON: a higher level saves a few per cent more for twice the time.
constexpr int level = 3;
constexpr int gzip_window_bits = 15 + 16;  // zlib's way to ask for gzip's frame
constexpr int memory_level = 8;

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// In thousandths; what is no weight is none (RFC 9110 §12.4.2).
unsigned weight_of(std::string_view parameters) {
  const auto equals = parameters.find('=');
  if (equals == std::string_view::npos) return 1000;
  if (!same_field_name(trim(parameters.substr(0, equals)), "q")) return 1000;
  const std::string_view text = trim(parameters.substr(equals + 1));
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  unsigned weight = text[0] == '1' ? 1000 : 0;
  if (weight == 1000 || text.size() < 3 || text[1] != '.') return weight;
  for (unsigned i = 2, worth = 100; i < text.size() && worth > 0; ++i, worth /= 10) {
    if (text[i] < '0' || text[i] > '9') return 0;
    weight += static_cast<unsigned>(text[i] - '0') * worth;
  }
  return weight;
}

}  // namespace

bool accepts_gzip(const Fields& fields) {
  constexpr unsigned not_said = 1001;
  unsigned gzip = not_said, any = not_said, identity = 0;
  for (const auto& [name, value] : fields) {
    if (!same_field_name(name, "Accept-Encoding")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      const std::string_view element = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const auto semicolon = std::min(element.find(';'), element.size());
      const std::string_view coding = trim(element.substr(0, semicolon));
      const unsigned weight =
          semicolon == element.size() ? 1000 : weight_of(element.substr(semicolon + 1));
      if (same_field_name(coding, "gzip") || same_field_name(coding, "x-gzip")) gzip = weight;
      if (same_field_name(coding, "identity")) identity = weight;
      if (coding == "*") any = weight;
    }
  }
  if (gzip == not_said) gzip = any == not_said ? 0 : any;
  return gzip > 0 && gzip >= identity;
}

bool worth_gzip(std::string_view method, const Response& response) {
  return (method == "GET" || method == "HEAD") && response.status == 200 &&
         response.body.size() >= least_gzip_bytes &&
         find_field(response.fields, "Content-Encoding").empty();
}

struct Gzip::Stream {
  z_stream z{};
  bool begun = false;
  ~Stream() {
    if (begun) ::deflateEnd(&z);
  }
};

Gzip::Gzip(std::string body) : in_(std::move(body)), stream_(std::make_unique<Stream>()) {
  stream_->begun = ::deflateInit2(&stream_->z, level, Z_DEFLATED, gzip_window_bits, memory_level,
                                  Z_DEFAULT_STRATEGY) == Z_OK;
  sound_ = stream_->begun;
  // All the room there can be a need for, so that no step has to ask for more.
  if (sound_) out_.resize(::deflateBound(&stream_->z, in_.size()));
}

Gzip::~Gzip() = default;

bool Gzip::step() {
  if (!sound_ || !stream_) return false;
  z_stream& z = stream_->z;
  const std::size_t bytes = std::min(slice_bytes, in_.size() - at_);
  const bool last = at_ + bytes == in_.size();
  z.next_in = reinterpret_cast<Bytef*>(in_.data() + at_);
  z.avail_in = static_cast<uInt>(bytes);
  z.next_out = reinterpret_cast<Bytef*>(out_.data() + z.total_out);
  z.avail_out = static_cast<uInt>(out_.size() - z.total_out);
  const int result = ::deflate(&z, last ? Z_FINISH : Z_NO_FLUSH);
  at_ += bytes;
  sound_ = result == (last ? Z_STREAM_END : Z_OK) && z.avail_in == 0;
  if (sound_ && !last) return true;
  out_.resize(sound_ ? z.total_out : 0);
  stream_.reset();
  return false;
}

}  // namespace switchback::web
